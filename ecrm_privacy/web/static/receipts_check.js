// Checks a receipt (C2SP tlog-proof@v1) in this browser: nothing is sent, nobody is asked. It shows only what it parsed
// from the payload that the proof covers. Its rules are those of ecrm_privacy/ledger/receipt.py: what one refuses, the
// other refuses for the same reason (tests/browser/test_receipts_check.py). The page to save holds this very text.
// Formats: C2SP tlog-proof, tlog-checkpoint, signed-note; RFC 9162 (2.1.3.2); docs/reference/formats.md.

const RECEIPT_CHARACTERS_MAX = 262144;
const NOTE_CHARACTERS_MAX = 131072;
const SIGNATURES_MAX = 64;
const HEADER = "c2sp.org/tlog-proof@v1\n";
const PROOF = /^(?:extra ([A-Za-z0-9+/=]+)\n)?index (0|[1-9]\d{0,18})\n((?:[A-Za-z0-9+/]{43}=\n){0,63})\n(.+)$/s;
const CHECKPOINT = /^([^\n]+)\n(0|[1-9]\d{0,18})\n([A-Za-z0-9+/]{43}=)\n$/;
const LEAF = /^\{"v":1,"t":"subject","c":"([A-Za-z0-9+/]{43}=)"\}$/;
const NAME = "[^\\t-\\r\\x1c- \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000+]+"; // no space, no plus
const VKEY = new RegExp(`^(${NAME})\\+([0-9a-f]{8})\\+([^]+)$`);
const SIGNATURE = new RegExp(`^\u2014 (${NAME}) ([A-Za-z0-9+/]+={0,2})\n$`);

const utf8 = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

// Why a receipt is refused: form, signature, inclusion, commitment, record. Why it could not be checked: key, unable.
class Refused extends Error {}

function need(truth, why) {
  if (!truth) throw new Refused(why);
}

function attempt(why, make) {
  try {
    return make();
  } catch {
    throw new Refused(why);
  }
}

const characters = (text) => [...text].length;
const join = (...parts) => new Uint8Array(parts.flatMap((part) => [...part]));
const same = (one, other) => one.length == other.length && one.every((each, index) => each == other[index]);
const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", join(...parts)));

// Base64 in its one form: what does not encode to the same characters again is refused.
function bytes(base64, why = "form") {
  const raw = attempt(why, () => atob(base64));
  need(btoa(raw) == base64, why);
  return Uint8Array.from(raw, (each) => each.charCodeAt(0));
}

// The proof as it is, or as the member of what GET /v1/receipts/{id} answers; its other members are not looked at.
function unpack(given) {
  need(given.length <= 4 * RECEIPT_CHARACTERS_MAX, "form");
  const text = typeof given == "string" ? given : attempt("form", () => strict.decode(given));
  need(characters(text) <= RECEIPT_CHARACTERS_MAX, "form");
  if (!text.startsWith("{")) return { proof: text };
  const { payload, proof } = attempt("form", () => JSON.parse(text));
  need(typeof payload == "string" && typeof proof == "string", "form");
  return { payload, proof };
}

function parseProof(text) {
  need(text.startsWith(HEADER), "form");
  const [found, extra, index, path, note] = PROOF.exec(text.slice(HEADER.length)) ?? [];
  need(found && extra, "form");
  const raw = attempt("form", () => strict.decode(bytes(extra)));
  const { leaf, payload, open } = attempt("form", () => JSON.parse(raw) ?? {});
  need(JSON.stringify({ leaf, payload, open }) == raw, "form");
  need([leaf, payload, open].every((each) => typeof each == "string" && !/\p{Cs}/u.test(each)), "form");
  const hashes = path.split("\n").slice(0, -1).map((each) => bytes(each));
  return { leaf: bytes(leaf), payload, open: bytes(open), index: BigInt(index), path: hashes, note };
}

// "<name>+<key id, 8 hex digits>+<base64 of 0x01 and the Ed25519 key>"; the key id is a hash of the name and the key.
async function parseKey(vkey) {
  const [found, name, hex, base64] = VKEY.exec(vkey) ?? [];
  need(found, "key");
  const key = bytes(base64, "key");
  need(key.length == 33 && key[0] == 1, "key");
  const id = (await sha256(utf8.encode(`${name}\n`), key)).slice(0, 4);
  need([...id].map((each) => each.toString(16).padStart(2, "0")).join("") == hex, "key");
  return { name, id, public: key.slice(1) };
}

async function isSigned(key, signature, text) {
  try {
    const ed25519 = await crypto.subtle.importKey("raw", key.public, { name: "Ed25519" }, false, ["verify"]);
    return await crypto.subtle.verify({ name: "Ed25519" }, ed25519, signature, utf8.encode(text));
  } catch {
    throw new Refused("unable");
  }
}

// Signatures by other keys, witnesses' cosignatures among them, are ignored; a bad one by this key condemns the note.
async function openNote(note, key) {
  need(characters(note) <= NOTE_CHARACTERS_MAX, "form");
  const cut = note.lastIndexOf("\n\n");
  const text = note.slice(0, cut + 1);
  const lines = note.slice(cut + 2).match(/[^\n]*\n|[^\n]+$/g) ?? [];
  need(cut >= 0 && lines.length && lines.length <= SIGNATURES_MAX && !/[\0-\t\v-\x1f]/.test(text), "form");
  const signatures = lines.map((line) => {
    const [found, name, base64] = SIGNATURE.exec(line) ?? [];
    need(found, "form");
    const raw = bytes(base64);
    need(raw.length >= 5, "form");
    return { name, id: raw.slice(0, 4), signature: raw.slice(4) };
  });
  const [own, ...again] = signatures.filter(({ name, id }) => name == key.name && same(id, key.id));
  need(own && await isSigned(key, own.signature, text), "signature");
  need(!again.length, "form");
  return text;
}

function parseCheckpoint(text, name) {
  const [found, origin, size, root] = CHECKPOINT.exec(text) ?? [];
  need(found, "form");
  const hash = bytes(root);
  need(origin == name, "signature");
  return { origin, size: BigInt(size), root: hash };
}

async function checkInclusion({ leaf, index, path }, { size, root }) {
  need(index < size, "inclusion");
  let hash = await sha256([0], leaf);
  let [node, last] = [index, size - 1n];
  for (const sibling of path) {
    need(last, "inclusion");
    if (node & 1n || node == last) {
      hash = await sha256([1], sibling, hash);
      while (!(node & 1n) && node) [node, last] = [node >> 1n, last >> 1n];
    } else {
      hash = await sha256([1], hash, sibling);
    }
    [node, last] = [node >> 1n, last >> 1n];
  }
  need(!last && same(hash, root), "inclusion");
}

async function checkCommitment({ leaf, payload, open }) {
  const [found, committed] = LEAF.exec(new TextDecoder("latin1").decode(leaf)) ?? [];
  need(found && open.length == 32, "commitment");
  const key = await crypto.subtle.importKey("raw", open, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const commitment = new Uint8Array(await crypto.subtle.sign("HMAC", key, utf8.encode(payload)));
  need(same(commitment, bytes(committed, "commitment")), "commitment");
}

// The record: what is understood is written again, and must give the same text (ecrm_privacy/ledger/record.py).

const LINKS = (
  "dpv:hasDataSubject dpv:hasDataController dpv:hasNotice dpv:hasPurpose dpv:hasRecipient dpv:hasPersonalData "
  + "dpv:hasLegalBasis dpv:isIndicatedBy dpv:isExercisedAt ecrm:viaChannel"
).split(" ");
const CONTEXT = {
  dpv: "https://w3id.org/dpv#",
  "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
  dct: "http://purl.org/dc/terms/",
  ecrm: "urn:x-ecrm:terms:1#",
  ...Object.fromEntries(LINKS.map((link) => [link, { "@type": "@id" }])),
};
const SCHEMA = "https://w3id.org/dpv/schema/dpv-27560#";
const [SUBJECT, CONTROLLER, PARENT] = ["_:subject", "_:controller", "dpv:ParentOfDataSubject"];
const ACTS = ["answer", "import", "signal", "restriction", "erasure"];
const METHODS = "accept_all refuse_all save undo gpc double_opt_in carried import staff api".split(" ");
const STATUSES = {
  "dpv:ConsentRequested": "requested",
  "dpv:ConsentRequestDeferred": "deferred",
  "dpv:ConsentRefused": "refused",
  "dpv:ConsentGiven": "given",
  "dpv:RenewedConsentGiven": "renewed",
  "dpv:ConsentWithdrawn": "withdrawn",
  "dpv:ConsentRevoked": "revoked",
  "dpv:ConsentExpired": "expired",
  "dpv:ConsentInvalidated": "invalidated",
  "ecrm:Objected": "objected",
};

const word = (value) => (need(typeof value == "string" && !/\p{Cs}/u.test(value)), value);
const maybe = (value) => (value === undefined ? "" : word(value));
const among = (value, allowed) => (need(allowed.includes(value)), value);
const named = (kind, value) => word(value).replace(new RegExp(`^ecrm:${kind}/`), "");
const link = (kind, value) => value && `ecrm:${kind}/${value}`;
const held = (name, value) => (value === undefined || value === "" || value.length === 0 ? {} : { [name]: value });

function day(value) {
  need(/^\d{4}-\d\d-\d\d$/.test(word(value)) && value > "0001" && new Date(value).toISOString().startsWith(value));
  return value;
}

function moment(value) {
  need(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.(?!0{6})\d{6})?Z$/.test(word(value)) && value > "0001");
  need(new Date(`${value.slice(0, 19)}Z`).toISOString().startsWith(value.slice(0, 19)));
  return value;
}

// Microseconds are left out when there are none; written out, times compare as texts.
const written = (time) => (time.length == 20 ? time.replace("Z", ".000000Z") : time);

function readState(state) {
  const flag = (value) => (need(value === undefined || typeof value == "boolean"), value);
  const adult = state["ecrm:adultFrom"];
  return {
    ...(state["ecrm:regime"] === undefined ? {} : { "ecrm:regime": word(state["ecrm:regime"]) }),
    "ecrm:restricted": flag(state["ecrm:restricted"]),
    "ecrm:adultFrom": adult === undefined ? adult : day(adult),
    "ecrm:gpc": flag(state["ecrm:gpc"]),
  };
}

function readChange(record) {
  const { "dpv:hasProcess": process, "dpv:hasConsentStatus": status } = record;
  const [since, until] = word(status["dct:valid"]).split(/\/(.*)/s);
  return {
    purpose: named("purpose", process["dpv:hasPurpose"]),
    channel: named("channel", maybe(process["ecrm:viaChannel"])),
    recipient: named("recipient", maybe(process["dpv:hasRecipient"])),
    term: among(status["@type"], Object.keys(STATUSES)),
    notice: named("notice", record["dpv:hasNotice"]),
    since: day(since),
    until: until == ".." ? "" : day(until),
    byParent: status["dpv:isIndicatedBy"] === PARENT,
  };
}

function read(receipt) {
  const { "dpv:hasDataController": party, "dpv:hasNotice": notice, "dpv:hasRecordOfActivity": records = [] } = receipt;
  const at = moment(receipt["dct:created"]);
  const said = records.length ? moment(records[0]["dpv:hasConsentStatus"]["dpv:isIndicatedAtTime"]) : at;
  need(written(said) <= written(at));
  return {
    id: word(receipt["dct:identifier"]),
    at,
    said,
    act: among(receipt["ecrm:act"], ACTS),
    party: [word(party["dpv:hasName"]), maybe(party["dpv:hasAddress"]), maybe(party["dpv:hasContact"])],
    site: word(receipt["ecrm:site"]),
    method: among(receipt["dpv:hasIndicationMethod"], METHODS),
    notice: [named("notice", notice["@id"]), word(notice["ecrm:sha256"]), word(notice["dct:language"])],
    places: ["dpv:hasJurisdiction", "dpv:hasLocation", "dpv:isExercisedAt"].map((name) => maybe(receipt[name])),
    evidence: maybe(receipt["dct:source"]),
    state: receipt["ecrm:state"] && readState(receipt["ecrm:state"]),
    purposes: (receipt["ecrm:purposes"] ?? []).map((each) => ({
      purpose: named("purpose", each["@id"]),
      term: word(each["@type"]),
      basis: among(each["dpv:hasLegalBasis"], [..."abcdef"].map((letter) => `eu-gdpr:A6-1-${letter}`)),
      data: (each["dpv:hasPersonalData"] ?? []).map((category) => named("category", category)),
      kept: maybe(each["dpv:hasDuration"]),
    })),
    changes: records.map(readChange),
  };
}

function writeRecord(event, whole, change, number) {
  const byController = ["revoked", "expired", "invalidated"].includes(STATUSES[change.term]);
  return {
    "@id": `urn:uuid:${event.id}#${number}`,
    "@type": "dpv:ConsentRecord",
    ...(whole ? { "dct:conformsTo": `${SCHEMA}record` } : {}),
    "dpv:hasDataSubject": SUBJECT,
    "dpv:hasDataController": CONTROLLER,
    "dpv:hasNotice": `ecrm:notice/${change.notice}`,
    "dpv:hasProcess": {
      "@type": "dpv:Process",
      "dpv:hasPurpose": `ecrm:purpose/${change.purpose}`,
      ...held("ecrm:viaChannel", link("channel", change.channel)),
      ...held("dpv:hasRecipient", link("recipient", change.recipient)),
    },
    "dpv:hasConsentStatus": {
      "@type": change.term,
      "dpv:isIndicatedBy": change.byParent ? PARENT : byController ? CONTROLLER : SUBJECT,
      "dpv:hasIndicationMethod": event.method,
      "dpv:isIndicatedAtTime": event.said,
      "dct:valid": `${change.since}/${change.until || ".."}`,
    },
  };
}

function write(event) {
  const [name, address, contact] = event.party;
  const [version, hash, locale] = event.notice;
  const described = event.purposes.filter(({ kept, data }) => kept && data.length).map(({ purpose }) => purpose);
  const whole = [...event.party, version, locale, ...event.places].every(Boolean)
    && event.changes.length > 0 && event.changes.every(({ purpose }) => described.includes(purpose));
  return {
    "@context": CONTEXT,
    "@id": `urn:uuid:${event.id}`,
    "@type": ["restriction", "erasure"].includes(event.act) ? "dpv:RightExerciseRecord" : "dpv:ConsentReceipt",
    ...(whole ? { "dct:conformsTo": `${SCHEMA}receipt` } : {}),
    "dct:identifier": event.id,
    "dct:created": event.at,
    "ecrm:act": event.act,
    "dpv:hasDataController": {
      "@id": CONTROLLER,
      "@type": "dpv:DataController",
      "dpv:hasName": name,
      ...held("dpv:hasAddress", address),
      ...held("dpv:hasContact", contact),
    },
    "ecrm:site": event.site,
    "dpv:hasIndicationMethod": event.method,
    "dpv:hasNotice": {
      "@id": `ecrm:notice/${version}`, "@type": "dpv:ConsentNotice", "ecrm:sha256": hash, "dct:language": locale,
    },
    ...held("dpv:hasJurisdiction", event.places[0]),
    ...held("dpv:hasLocation", event.places[1]),
    ...held("dpv:isExercisedAt", event.places[2]),
    ...held("dct:source", event.evidence),
    ...(event.state ? { "ecrm:state": event.state } : {}),
    ...held("ecrm:purposes", event.purposes.map(({ purpose, term, basis, data, kept }) => ({
      "@id": `ecrm:purpose/${purpose}`,
      "@type": term,
      "dpv:hasLegalBasis": basis,
      ...held("dpv:hasPersonalData", data.map((category) => `ecrm:category/${category}`)),
      ...held("dpv:hasDuration", kept),
    }))),
    ...held("dpv:hasRecordOfActivity", event.changes.map((each, number) => writeRecord(event, whole, each, number))),
  };
}

function parseRecord(payload) {
  const event = attempt("record", () => read(JSON.parse(payload)));
  need(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(event.id), "record");
  need(JSON.stringify(write(event)) == payload, "record");
  return event;
}

export async function check(given, vkey) {
  const unpacked = unpack(given);
  const proof = parseProof(unpacked.proof);
  need([undefined, proof.payload].includes(unpacked.payload), "commitment");
  const key = await parseKey(vkey);
  const checkpoint = parseCheckpoint(await openNote(proof.note, key), key.name);
  await checkInclusion(proof, checkpoint);
  await checkCommitment(proof);
  return { index: proof.index, ...checkpoint, payload: proof.payload, event: parseRecord(proof.payload) };
}

// The page

const form = document.getElementById("check");
const result = document.getElementById("result");
const words = JSON.parse(result.dataset.words);
const ours = result.dataset.key;
let asked = 0;

function element(tag, inside, className) {
  const made = document.createElement(tag);
  made.append(...[inside].flat());
  if (className) made.className = className;
  return made;
}

// What is filled in orders itself, and nothing around it (UAX 9): names run from left to right in any sentence.
const fill = (key, value) => words[key].replace(/{\w*}/, () => `\u2068${value}\u2069`);
const facts = (rows) => element("dl", rows.filter(([, said]) => said).flatMap(([name, said]) => [
  element("dt", words[name]), element("dd", element("bdi", said)),
]), "ecrm-facts");
const dialect = document.documentElement.lang.replace(/^en$/, "en-GB"); // as the letter speaks it: 3 May 2026
const inWords = (text, options) => new Date(text).toLocaleString(dialect, {
  dateStyle: "long", timeZone: "UTC", ...options,
});

function verdict(kind, inside) {
  const mark = element("span", [], "mark");
  mark.setAttribute("aria-hidden", "true");
  result.replaceChildren(element("div", [mark, element("div", inside)], `ecrm-notice ecrm-notice-${kind} verdict`));
  result.scrollIntoView({ block: "nearest" });
}

function showSound({ index, size, origin, payload, event }, trusted) {
  const said = event.changes.map((each) => element("tr", [
    element("th", element("bdi", [each.purpose, each.channel, each.recipient].filter(Boolean).join(" \u00b7 "))),
    element("td", words[`answer_${STATUSES[each.term]}`]),
    element("td", each.until && fill("until", inWords(each.until)), "ecrm-muted"),
  ]));
  said.forEach((row) => row.firstChild.setAttribute("scope", "row"));
  const passed = ["form", "signature", "inclusion", "commitment", "record"].map((each) => element("li", words[`ok_${each}`]));
  verdict("good", [
    element("h2", words.good),
    element("p", fill(trusted, origin)),
  ]);
  const table = element("div", element("table", element("tbody", said), "ecrm-table"), "ecrm-scroll");
  const isLifted = event.act == "restriction" && event.state?.["ecrm:restricted"] === false;
  const text = element("pre", element("code", JSON.stringify(JSON.parse(payload), null, 2)));
  text.tabIndex = 0;
  text.dir = "ltr";
  result.append(
    element("h2", words.said),
    ...(said.length ? [table] : []),
    facts([
      ["act", event.act == "answer" ? "" : words[`act_${isLifted ? "lifted" : event.act}`]],
      ["when", inWords(event.said, { timeStyle: "long" })],
      ["recorded", event.said == event.at ? "" : inWords(event.at, { timeStyle: "long" })],
      ["to", event.party.filter(Boolean).join(", ")],
      ["shown", event.notice[0]],
      ["how", words[`method_${event.method}`]],
      ["evidence", event.evidence],
    ]),
    element("h2", words.checked),
    element("ul", passed, "passed"),
    facts([["entry", String(index)], ["size", String(size)], ["log", origin]]),
    element("details", [element("summary", words.payload), text]),
  );
}

function showRefused(error) {
  const why = error instanceof Refused ? error.message : "unable";
  if (["key", "unable", "nothing"].includes(why)) return verdict("warn", element("p", words[why]));
  return verdict("bad", [element("h2", words.bad), element("p", words[why]), element("p", words.bad_text, "ecrm-muted")]);
}

async function given({ file, text }) {
  if (!file.files[0]) return text.value;
  const [chosen] = file.files;
  return chosen.size > 4 * RECEIPT_CHARACTERS_MAX ? "" : new Uint8Array(await chosen.arrayBuffer());
}

async function start(event) {
  event?.preventDefault();
  const mine = ++asked;
  const { file, text, key } = form.elements;
  const show = (shown) => (...values) => mine == asked && shown(...values);
  if (!file.files[0] && !text.value) return showRefused(new Refused("nothing"));
  const vkey = key.value.trim() || ours;
  return check(await given(form.elements), vkey).then(
    show((found) => showSound(found, vkey == key.value.trim() ? "own_key" : "trusted")), show(showRefused),
  );
}

// A verdict never stands beside something that it is not about.
function forget() {
  asked += 1;
  result.replaceChildren();
}

function choose(files) {
  if (files) form.elements.file.files = files;
  form.elements.text.value = "";
  forget();
  if (form.elements.file.files[0]) start();
}

form.addEventListener("submit", start);
form.elements.file.addEventListener("change", () => choose());
form.elements.key.addEventListener("input", forget);
form.elements.text.addEventListener("input", () => {
  form.elements.file.value = "";
  forget();
});
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    form.classList.toggle("over", kind == "dragenter" || kind == "dragover");
    if (kind == "drop") choose(event.dataTransfer.files);
  });
}
form.hidden = false;
document.getElementById("unscripted").hidden = true;

// Where signatures cannot be checked nothing can, and it is said before anybody tries. The key is that of RFC 8032, 7.1.
const KNOWN = bytes("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
crypto.subtle?.importKey("raw", KNOWN, { name: "Ed25519" }, false, ["verify"]).catch(() => showRefused(new Refused("unable")));
if (!crypto.subtle) showRefused(new Refused("unable"));
