### Persian: what the shop's pages say. Every language has the same keys; { $name } stands for what the page fills in.

dir = rtl
comma = ،

## Frame
skip = رفتن به محتوا
sections = بخش‌ها
account = وارد شده با نام
yours = صفحه‌ی شما
signin = ورود
signout = خروج
preferences = حریم خصوصی شما
check = بررسی رسید
log = دفتر ثبت همگانی
demo = این یک نمایش است: اینجا چیزی فروخته نمی‌شود. اما پاسخی که درباره‌ی داده‌هایتان می‌دهید به‌راستی ثبت می‌شود.

## Front page and sections
hero = چیزهایی برای ساعت بی‌شتاب
begin = آغاز با بخش { $section }
tagline = چای، سفال، کاغذ و ابزار باغبانی
section_tea = چای
section_tea_line = از همان تپه‌ای که در آن روییده، با روز چیدنش.
section_ceramics = سفال
section_ceramics_line = ساخته‌ی دست بر چرخ، ناصاف آنجا که باید.
section_paper = کاغذ
section_paper_line = برای نامه‌ها، فهرست‌ها و فکرهای دوباره.
section_garden = باغ
section_garden_line = ابزاری که به ارث می‌رسد و بذری که دست‌به‌دست می‌شود.
shelf_empty = این قفسه فعلاً خالی است.

## One item
drawing = طرحی از آن: { $title }
gone = تمام شد
sold_out = تمام شد. باز هم در دست ساخت است.
stock = موجود است و ظرف دو روز کاری فرستاده می‌شود.
order = سفارش
bought = سفارش داده شد. اکنون در صفحه‌ی شماست.
signin_order = برای سفارش وارد شوید
related = کنار آن روی میز

## The page of one's own
greeting = از دیدنتان خوشحالیم
greeting_name = { $name }، از دیدنتان خوشحالیم
greeting_line = صفحه‌ای که با هر چه بگذارید بدانیم پربارتر می‌شود.
greeting_line_known = آنچه برای شما در نظر گرفته‌ایم و آنچه از ما داشته‌اید.
orders = سفارش‌های شما
orders_none = هنوز چیزی سفارش نداده‌اید.
orders_signed_out = وقتی وارد شده باشید، سفارش‌هایتان اینجاست.

## Signing in: who can be chosen, and how they have answered
signin_title = کیست؟
signin_lead = فروشگاه واقعی گذرواژه می‌خواهد. اینجا می‌توانید هر کسی باشید تا ببینید فروشگاه چه چیزی اجازه دارد به او نشان دهد.
signin_note = وارد شدن به معنی «بله» نیست: فروشگاه همچنان فقط چیزی را می‌داند که آن شخص اجازه داده است.
nobody = کسی نیست که با نام او وارد شوید. نمایش را با داده‌هایش اجرا کنید.
somebody = یکی از مشتریان
said_yes_yes_yes = به خاطر سپردن: بله، صفحه‌های شخصی: بله، کمک به دیگران: بله
said_yes_yes_no = به خاطر سپردن: بله، صفحه‌های شخصی: بله، کمک به دیگران: نه
said_yes_no_no = به خاطر سپردن: بله، صفحه‌های شخصی: نه
said_no_yes_no = صفحه‌های شخصی: بله، به خاطر سپردن: نه
said_no_no_no = به همه نه گفته است
said = هیچ‌گاه پاسخ نداده است

## Slots: their titles with and without permission, and the note beside them
slot_for-you = برای شما
slot_for-you_everybody = نگاهی بیندازید
slot_popular_everybody = پرطرفدارهای فروشگاه
slot_history = سفارش‌های شما
slot_history_everybody = چیزهای دیگر فروشگاه
chosen = برای شما انتخاب شد
ordered = چون آن را سفارش داده‌اید
everybody = برای همه یکسان
empty = فعلاً چیزی برای نمایش در اینجا نیست.

## Why an item is there
why = چرا این؟
because_purchase = چون { $title } را خریده‌اید
because_cart = چون { $title } را در سبد خود گذاشته‌اید
because_view = چون { $title } را دیده‌اید
because_seen = چون به‌تازگی آن را دیده‌اید
because_order = چون آن را در { $day } سفارش داده‌اید
because_name = چون نام خود را به ما گفته‌اید
because_topic = چون از این بیشتر می‌خواهید: { $section }
because_popular = نزد مشتریان دیگر پرطرفدار است
because_selection = از گزیده‌ی ما، برای همه یکسان
data = داده‌ها
purpose = هدف
not_used = هیچ چیزی درباره‌ی شما به کار نرفت.
switch_off = این را خاموش کنید

## The gate's panel
gate = دروازه
gate_label = آنچه دروازه گذراند
opened = { $opened }/{ $all } باز
caller = چه کسی می‌پرسد
known = شناخته
unknown = ناشناس
account_row = حساب
signed_in = وارد شده
signed_out = هیچ
released = آنچه برای این صفحه گذشت
allowed_none = برای این صفحه هیچ چیز شخصی گذرانده نشد.
pair = { $name }: { $value }
open = باز
shut = بسته
under_name = با نام
permissions = اجازه‌ها
always = همیشه
detail = همه‌چیز با جزئیات

## My view
view = نمای من
view_lead = آنچه فروشگاه درباره‌ی شما می‌پندارد، و آنچه نشان می‌داد اگر هیچ نمی‌دانست.
view_closed = همان را می‌بینید که همه می‌بینند. برای صفحه‌های ویژه‌ی خودتان باید به این بله بگویید:
view_topics = آنچه گمان می‌کنیم دوست دارید
view_topics_text = سهم هر بخش در آنچه به‌تازگی خریده و دیده‌اید. بگویید از کدام بیشتر می‌خواهید و از کدام کمتر.
view_less = کمتر
view_usual = همین که هست
view_more = بیشتر
view_compared = آنچه شما می‌بینید، و آنچه همه می‌بینند
view_you = شما
view_everybody = همه
view_hide = علاقه‌ای ندارم
view_hidden = به این‌ها علاقه ندارید
view_show = دوباره نشان دهید
view_pause = یک وقفه
view_pause_text = مدتی همان را می‌بینید که همه می‌بینند. چیزی فراموش نمی‌شود و خواسته‌ی شما پس از آن دوباره برقرار است.
view_pause_hour = برای یک ساعت
view_pause_month = برای ۳۰ روز
view_pause_over = از همین حالا ادامه دهید
view_paused = پیشنهادها تا { $moment } متوقف است.
