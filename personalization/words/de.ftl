### German: what the shop's pages say. Every language has the same keys; { $name } stands for what the page fills in.

dir = ltr
comma = ,

## Frame
skip = Zum Inhalt
sections = Abteilungen
account = Angemeldet als
yours = Ihre Seite
signin = Anmelden
signout = Abmelden
preferences = Ihre Privatsphäre
check = Beleg prüfen
log = Öffentliches Protokoll
demo = Eine Vorführung: Hier wird nichts verkauft. Was Sie zu Ihren Daten antworten, wird wirklich festgehalten.

## Front page and sections
hero = Dinge für die ruhige Stunde
begin = Mit { $section } beginnen
tagline = Tee, Keramik, Papier und Werkzeug für den Garten
section_tea = Tee
section_tea_line = Von dem Hang, an dem er wuchs, mit dem Tag der Ernte.
section_ceramics = Keramik
section_ceramics_line = Von Hand gedreht, uneben, wo es darauf ankommt.
section_paper = Papier
section_paper_line = Für Briefe, Listen und zweite Gedanken.
section_garden = Garten
section_garden_line = Werkzeug zum Vererben, Samen zum Weitergeben.
shelf_empty = Dieses Regal ist gerade leer.

## One item
drawing = Gezeichnet: { $title }
gone = ausverkauft
sold_out = Ausverkauft. Neue sind in Arbeit.
stock = Auf Lager, in zwei Werktagen unterwegs.
order = Bestellen
bought = Bestellt. Es steht jetzt auf Ihrer Seite.
signin_order = Zum Bestellen anmelden
related = Daneben auf dem Tisch

## The page of one's own
greeting = Schön, dass Sie da sind
greeting_name = Schön, Sie zu sehen, { $name }
greeting_line = Eine Seite, die mit dem wächst, was Sie uns wissen lassen.
greeting_line_known = Woran wir für Sie gedacht haben, und was Sie von uns haben.
orders = Ihre Bestellungen
orders_none = Sie haben noch nichts bestellt.
orders_signed_out = Ihre Bestellungen stehen hier, wenn Sie angemeldet sind.

## Signing in: who can be chosen, and how they have answered
signin_title = Wer ist da?
signin_lead = Ein echter Laden würde nach einem Passwort fragen. Hier dürfen Sie jeder sein, um zu sehen, was der Laden ihm zeigen darf.
signin_note = Anmelden ist kein Ja: Der Laden weiß weiterhin nur, was dieser Mensch erlaubt hat.
nobody = Es gibt niemanden, als der man sich anmelden könnte. Starten Sie die Vorführung mit ihren Daten.
somebody = jemand aus unserer Kundschaft
said_yes_yes_yes = hat ja gesagt: zum Erinnern, zu persönlichen Seiten und dazu, anderen zu helfen
said_yes_yes_no = hat ja gesagt zum Erinnern und zu persönlichen Seiten, nein dazu, anderen zu helfen
said_yes_no_no = hat ja gesagt zum Erinnern, nein zu persönlichen Seiten
said_no_yes_no = hat ja gesagt zu persönlichen Seiten, nein zum Erinnern
said_no_no_no = hat zu allem nein gesagt
said = hat noch nie geantwortet

## Slots: their titles with and without permission, and the note beside them
slot_for-you = Für Sie
slot_for-you_everybody = Einen Blick wert
slot_popular_everybody = Beliebt im Laden
slot_history = Ihre Bestellungen
slot_history_everybody = Mehr aus dem Laden
chosen = Für Sie ausgewählt
ordered = Weil Sie es bestellt haben
everybody = Für alle gleich
empty = Hier gibt es gerade nichts zu zeigen.

## Why an item is there
why = Warum das?
because_purchase = Weil Sie { $title } gekauft haben
because_cart = Weil Sie { $title } in den Warenkorb gelegt haben
because_view = Weil Sie sich { $title } angesehen haben
because_seen = Weil Sie es sich kürzlich angesehen haben
because_order = Weil Sie es am { $day } bestellt haben
because_name = Weil Sie uns Ihren Namen gesagt haben
because_topic = Weil Sie davon mehr wollen: { $section }
because_popular = Bei anderen beliebt
because_selection = Aus unserer Auswahl, für alle gleich
data = Daten
purpose = Zweck
not_used = Nichts über Sie wurde verwendet.
switch_off = Das abschalten

## The gate's panel
gate = Das Tor
gate_label = Was das Tor freigegeben hat
opened = { $opened }/{ $all } offen
caller = Wer fragt
known = bekannt
unknown = unbekannt
account_row = Konto
signed_in = angemeldet
signed_out = keines
released = Für diese Seite freigegeben
allowed_none = Für diese Seite wurde nichts Persönliches freigegeben.
pair = { $name }: { $value }
open = offen
shut = zu
under_name = als
permissions = Erlaubnisse
always = immer
detail = Alles im Einzelnen

## My view
view = Meine Sicht
view_lead = Was der Laden aus Ihren Daten schließt, und was er Ihnen zeigen würde, wenn er nichts wüsste.
view_closed = Sie sehen, was alle sehen. Eigene Seiten bringt ein Ja hierzu:
view_topics = Was Sie vermutlich mögen
view_topics_text = Der Anteil jeder Abteilung an dem, was Sie zuletzt gekauft und angesehen haben. Sagen Sie, wovon Sie mehr wollen oder weniger.
view_less = Weniger
view_usual = Wie es kommt
view_more = Mehr
view_compared = Was Sie sehen, und was alle sehen
view_you = Sie
view_everybody = Alle
view_hide = Kein Interesse
view_hidden = Daran haben Sie kein Interesse
view_show = Wieder zeigen
view_pause = Eine Pause
view_pause_text = Sie sehen eine Weile, was alle sehen. Nichts wird vergessen, und was Sie wünschen, gilt danach wieder.
view_pause_hour = Für eine Stunde
view_pause_month = Für 30 Tage
view_pause_over = Jetzt weiter
view_paused = Die Vorschläge pausieren bis { $moment }.
