### English: what the shop's pages say. Every language has the same keys; { $name } stands for what the page fills in. Product texts

## stay as the catalogue has them.
dir = ltr
comma = ,

## Frame
skip = Skip to the content
sections = Sections
account = Signed in as
yours = Your page
signin = Sign in
signout = Sign out
preferences = Your privacy
check = Check a receipt
log = Public log
demo = A demonstration: nothing is sold here. What you answer about your data is recorded for real.

## Front page and sections
hero = Things for the unhurried hour
begin = Begin with { $section }
tagline = Tea, ceramics, paper and tools for the garden
section_tea = Tea
section_tea_line = From the hill it grew on, with the day it was picked.
section_ceramics = Ceramics
section_ceramics_line = Thrown by hand, uneven where it matters.
section_paper = Paper
section_paper_line = For letters, lists and second thoughts.
section_garden = Garden
section_garden_line = Tools one hands on, and seeds one passes round.
shelf_empty = This shelf is empty for now.

## One item
drawing = A drawing of it: { $title }
gone = sold out
sold_out = Sold out. More are being made.
stock = In stock, sent within two working days.
order = Order one
bought = Ordered. It stands on your page now.
signin_order = Sign in to order
related = Beside it on the table

## The page of one's own
greeting = Good to see you
greeting_name = Good to see you, { $name }
greeting_line = A page that grows with what you let us know.
greeting_line_known = What we thought of for you, and what you have had from us.
orders = Your orders
orders_none = You have not ordered anything yet.
orders_signed_out = Your orders are here when you are signed in.

## Signing in: who can be chosen, and how they have answered
signin_title = Who is it?
signin_lead = A real shop would ask for a password. Here you may be anyone, to see what the shop may show them.
signin_note = Signing in is not a yes: the shop still knows only what that person allowed.
nobody = There is nobody to sign in as. Start the demo with its data.
somebody = a customer
said_yes_yes_yes = said yes to being remembered, to personal pages and to helping others
said_yes_yes_no = said yes to being remembered and to personal pages, no to helping others
said_yes_no_no = said yes to being remembered, no to personal pages
said_no_yes_no = said yes to personal pages, no to being remembered
said_no_no_no = said no to everything
said = has never answered

## Slots: their titles with and without permission, and the note beside them
slot_for-you = For you
slot_for-you_everybody = Worth a look
slot_popular_everybody = Popular in the shop
slot_history = Your orders
slot_history_everybody = More from the shop
chosen = Chosen for you
ordered = Because you ordered it
everybody = The same for everybody
empty = Nothing to show here at the moment.

## Why an item is there
why = Why this?
because_purchase = Because you bought { $title }
because_cart = Because you put { $title } in your basket
because_view = Because you looked at { $title }
because_seen = Because you looked at it recently
because_order = Because you ordered it on { $day }
because_name = Because you told us your name
because_topic = Because you want more of this: { $section }
because_popular = Popular with other customers
because_selection = From our selection, the same for everybody
data = Data
purpose = Purpose
not_used = Nothing about you was used.
switch_off = Switch this off

## The gate's panel
gate = The gate
gate_label = What the gate released
opened = { $opened }/{ $all } open
caller = Caller
known = known
unknown = unknown
account_row = Account
signed_in = signed in
signed_out = none
released = Released for this page
allowed_none = Nothing personal was released for this page.
pair = { $name }: { $value }
open = open
shut = shut
under_name = as
permissions = Permissions
always = always
detail = Everything in detail

## My view
view = My view
view_lead = What the shop makes of you, and what it would show you if it knew nothing.
view_closed = You see what everybody sees. Pages of your own come with a yes to this:
view_topics = What we think you like
view_topics_text = Each section’s share of what you bought and looked at lately. Say where you want more, or less.
view_less = Less
view_usual = As it comes
view_more = More
view_compared = What you see, and what everybody sees
view_you = You
view_everybody = Everybody
view_hide = Not interested
view_hidden = You are not interested in
view_show = Show again
view_pause = A break
view_pause_text = You see what everybody sees for a while. Nothing is forgotten, and what you want comes back afterwards.
view_pause_hour = For an hour
view_pause_month = For 30 days
view_pause_over = Go on now
view_paused = Suggestions pause until { $moment }.
