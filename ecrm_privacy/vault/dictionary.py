"""What almost every payload says, kept here so that a sealed body need not say it again.

A payload of format 2 is deflated (RFC 1951) as if these bytes stood before it. They are the skeleton of a consent
record (the JSON-LD of ledger/jsonld.py) with the words of its vocabularies, the purposes and categories of the shipped
policy, and words that addresses are made of. Nearest to the end stands what is used most. The marks 0 to 3 stand where
a frame has them (body.py): record id, time, validity, hash of the notice.

These bytes belong to the format: what was sealed with them opens only with them. They never change. A better dictionary
is a further format with a further version byte.
"""

_PLACES = (
    " GmbH",
    " Ltd",
    " Inc.",
    " AG",
    " & Co.",
    "straße ",
    " Street, ",
    " Road, ",
    " Lane, ",
    " Square, ",
    " Avenue, ",
    "Harbour ",
    "London",
    "Paris",
    "Berlin",
    "Wien",
    "United Kingdom",
    "Ireland",
    "France",
    "Austria",
    "Germany",
    "European Union",
    "Frankfurt am Main",
    "Amsterdam",
    "Dublin",
    "a data centre in the ",
    "The machine on which this ",
    "info@",
    "hello@",
    "contact@",
    ".com",
    ".org",
    ".net",
    ".eu",
    ".example",
    "www.",
    "https://shop.",
    "http://localhost:8000",
    "http://127.0.0.1:8000",
)
_WORDS = (
    "double_opt_in", "carried", "import", "staff", "gpc", "undo", "api", "refuse_all", "accept_all",
    "withdrawal", "restriction", "erasure", "signal", "dpv:RightExerciseRecord", "ecrm:channel/", "ecrm:recipient/",
    '"ecrm:viaChannel":"ecrm:channel/email","', '"dpv:hasRecipient":"ecrm:recipient/', "sms", "post", "web_push",
    '"dct:source":"', '"ecrm:restricted":true', '"ecrm:adultFrom":"', '"ecrm:gpc":true', "uk-gdpr", "ccpa", "us-ca",
    "strict",
    "eu-gdpr:A6-1-b", "eu-gdpr:A6-1-c", "eu-gdpr:A6-1-d", "eu-gdpr:A6-1-e", "dpv:Marketing", "dpv:Personalisation",
    "dpv:FulfilmentOfObligation", "dpv:ServiceProvision", "dpv:ThirdPartySharing", "evidence",
    "dpv:ConsentRequested", "dpv:ConsentRequestDeferred", "dpv:RenewedConsentGiven", "dpv:ConsentRevoked",
    "dpv:ConsentExpired", "dpv:ConsentInvalidated", "ecrm:Objected", "dpv:ConsentWithdrawn", "dpv:ConsentRefused",
)  # fmt: skip
_LINKS = (
    "dpv:hasDataSubject", "dpv:hasDataController", "dpv:hasNotice", "dpv:hasPurpose", "dpv:hasRecipient",
    "dpv:hasPersonalData", "dpv:hasLegalBasis", "dpv:isIndicatedBy", "dpv:isExercisedAt", "ecrm:viaChannel",
)  # fmt: skip
_CONTEXT = (
    '{"@context":{"dpv":"https://w3id.org/dpv#","eu-gdpr":"https://w3id.org/dpv/legal/eu/gdpr#",'
    '"dct":"http://purl.org/dc/terms/","ecrm":"urn:x-ecrm:terms:1#",'
    + ",".join(f'"{link}":{{"@type":"@id"}}' for link in _LINKS)
    + '},"@id":"urn:uuid:'
)
_HEAD = (
    '\x00","@type":"dpv:ConsentReceipt","dct:conformsTo":"https://w3id.org/dpv/schema/dpv-27560#receipt",'
    '"dct:identifier":"\x00","dct:created":"\x01","ecrm:act":"answer","dpv:hasDataController":{"@id":"_:controller",'
    '"@type":"dpv:DataController","dpv:hasName":"'
    '","dpv:hasAddress":"'
    '","dpv:hasContact":"privacy@'
    '"},"ecrm:site":"demo","dpv:hasIndicationMethod":"save","dpv:hasNotice":{"@id":"ecrm:notice/shop@1",'
    '"@type":"dpv:ConsentNotice","ecrm:sha256":"\x03","dct:language":"en"},"dpv:hasJurisdiction":"eu","dpv:hasLocation":"'
    '","dpv:isExercisedAt":"http://127.0.0.1:8000'
    '/preferences","ecrm:state":{"ecrm:regime":"gdpr","ecrm:gpc":false},"ecrm:purposes":['
)
_PURPOSES = (
    ("share", "ThirdPartyDataSharing", "a", ("contact", "purchases"), "P3653D"),
    ("order", "SellProducts", "b", ("contact", "purchases"), "P3653D"),
    ("remember", "UserInterfacePersonalisation", "a", ("browsing",), "P395D"),
    (
        "personalize", "ServicePersonalisation", "a",
        ("contact", "demographics", "purchases", "browsing", "preferences"), "P3653D",
    ),
    ("offers", "DirectMarketing", "a", ("contact", "purchases"), "P3653D"),
    ("model.contribute", "ImproveExistingProductsAndServices", "a", ("purchases", "browsing"), "P3653D"),
    ("measure", "ServiceUsageAnalytics", "f", ("browsing",), "P395D"),
    ("advertise", "TargetedAdvertising", "a", ("browsing", "purchases"), "P3653D"),
)  # fmt: skip


def _purpose(name: str, term: str, letter: str, categories: tuple[str, ...], kept: str) -> str:
    data = ",".join(f'"ecrm:category/{category}"' for category in categories)
    return (
        f'{{"@id":"ecrm:purpose/{name}","@type":"dpv:{term}","dpv:hasLegalBasis":"eu-gdpr:A6-1-{letter}",'
        f'"dpv:hasPersonalData":[{data}],"dpv:hasDuration":"{kept}"}}'
    )


def _record(number: int, name: str) -> str:
    return (
        f'#{number}","@type":"dpv:ConsentRecord","dct:conformsTo":"https://w3id.org/dpv/schema/dpv-27560#record",'
        '"dpv:hasDataSubject":"_:subject","dpv:hasDataController":"_:controller","dpv:hasNotice":"ecrm:notice/shop@1",'
        f'"dpv:hasProcess":{{"@type":"dpv:Process","dpv:hasPurpose":"ecrm:purpose/{name}"}},'
        '"dpv:hasConsentStatus":{"@type":"dpv:ConsentGiven","dpv:isIndicatedBy":"_:subject",'
        '"dpv:hasIndicationMethod":"save","dpv:isIndicatedAtTime":"\x01","dct:valid":"\x02"}}'
    )


DICTIONARY_2: bytes = "".join(
    (
        *_PLACES,
        *_WORDS,
        _CONTEXT,
        _HEAD,
        ",".join(_purpose(*each) for each in _PURPOSES),
        '],"dpv:hasRecordOfActivity":[{"@id":"urn:uuid:\x00',
        ',{"@id":"urn:uuid:\x00'.join(_record(number, each[0]) for number, each in enumerate(_PURPOSES[2:])),
        "]}",
    )
).encode()
"""What stands before a payload of format 2."""
