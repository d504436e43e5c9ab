### Arabic: what the shop's pages say. Every language has the same keys; { $name } stands for what the page fills in.

dir = rtl
comma = ،

## Frame
skip = الانتقال إلى المحتوى
sections = الأقسام
account = سُجّل الدخول باسم
yours = صفحتكم
signin = تسجيل الدخول
signout = تسجيل الخروج
preferences = خصوصيتكم
check = التحقق من إيصال
log = السجل العام
demo = هذا عرض توضيحي: لا يُباع هنا شيء. أما ما تجيبون به بشأن بياناتكم فيُدوَّن حقًا.

## Front page and sections
hero = أشياء لساعة على مهل
begin = ابدؤوا بقسم { $section }
tagline = شاي وخزف وورق وأدوات للحديقة
section_tea = شاي
section_tea_line = من التل الذي نبت عليه، مع يوم قطافه.
section_ceramics = خزف
section_ceramics_line = مشغول باليد، غير مستوٍ حيث يَحسُن ذلك.
section_paper = ورق
section_paper_line = للرسائل والقوائم وللتفكير مرة ثانية.
section_garden = حديقة
section_garden_line = أدوات تُورَث وبذور تُتداول.
shelf_empty = هذا الرف فارغ الآن.

## One item
drawing = رسم له: { $title }
gone = نفد
sold_out = نفد. ويُصنع المزيد الآن.
stock = متوفر، ويُرسل خلال يومي عمل.
order = اطلبوه
bought = تم الطلب. وهو الآن في صفحتكم.
signin_order = سجّلوا الدخول لتطلبوا
related = إلى جانبه على المائدة

## The page of one's own
greeting = تسعدنا رؤيتكم
greeting_name = تسعدنا رؤيتكم يا { $name }
greeting_line = صفحة تنمو مع ما تسمحون لنا بمعرفته.
greeting_line_known = ما فكّرنا فيه لأجلكم، وما اقتنيتموه منا.
orders = طلبياتكم
orders_none = لم تطلبوا شيئًا بعد.
orders_signed_out = تجدون طلبياتكم هنا بعد تسجيل الدخول.

## Signing in: who can be chosen, and how they have answered
signin_title = من هناك؟
signin_lead = المتجر الحقيقي يطلب كلمة مرور. أما هنا فيمكنكم أن تكونوا أي شخص، لتروا ما يجوز للمتجر أن يعرضه عليه.
signin_note = تسجيل الدخول ليس موافقة: فالمتجر لا يعرف إلا ما سمح به ذلك الشخص.
nobody = لا يوجد من يمكن تسجيل الدخول باسمه. شغّلوا العرض التوضيحي مع بياناته.
somebody = أحد العملاء
said_yes_yes_yes = نعم للتذكّر، ونعم للصفحات الشخصية، ونعم لمساعدة الآخرين
said_yes_yes_no = نعم للتذكّر، ونعم للصفحات الشخصية، ولا لمساعدة الآخرين
said_yes_no_no = نعم للتذكّر، ولا للصفحات الشخصية
said_no_yes_no = نعم للصفحات الشخصية، ولا للتذكّر
said_no_no_no = لا للجميع
said = لا جواب حتى الآن

## Slots: their titles with and without permission, and the note beside them
slot_for-you = لكم
slot_for-you_everybody = يستحق نظرة
slot_popular_everybody = المحبوب في المتجر
slot_history = طلبياتكم
slot_history_everybody = المزيد من المتجر
chosen = اختير لكم
ordered = لأنكم طلبتموه
everybody = واحد للجميع
empty = لا شيء لعرضه هنا في الوقت الحالي.

## Why an item is there
why = لماذا هذا؟
because_purchase = لأنكم اشتريتم { $title }
because_cart = لأنكم وضعتم { $title } في سلتكم
because_view = لأنكم اطّلعتم على { $title }
because_seen = لأنكم اطّلعتم عليه مؤخرًا
because_order = لأنكم طلبتموه في { $day }
because_name = لأنكم أخبرتمونا باسمكم
because_topic = لأنكم تريدون المزيد من هذا: { $section }
because_popular = محبوب لدى عملاء آخرين
because_selection = من مختاراتنا، واحدة للجميع
data = البيانات
purpose = الغرض
not_used = لم يُستخدم أي شيء عنكم.
switch_off = إيقاف هذا

## The gate's panel
gate = البوابة
gate_label = ما سمحت البوابة بمروره
opened = مفتوح { $opened }/{ $all }
caller = السائل
known = معروف
unknown = مجهول
account_row = الحساب
signed_in = سُجّل الدخول
signed_out = لا يوجد
released = ما مرّ لأجل هذه الصفحة
allowed_none = لم يمرّ أي شيء شخصي لأجل هذه الصفحة.
pair = { $name }: { $value }
open = مفتوح
shut = مغلق
under_name = باسم
permissions = الأذونات
always = دائمًا
detail = كل شيء بالتفصيل

## My view
view = ما أراه
view_lead = ما يستنتجه المتجر عنكم، وما كان سيعرضه لو لم يعرف شيئًا.
view_closed = ترون ما يراه الجميع. لتكون لكم صفحات خاصة قولوا نعم لهذا:
view_topics = ما نظن أنه يعجبكم
view_topics_text = حصة كل قسم مما اشتريتموه واطّلعتم عليه مؤخرًا. قولوا من أيها تريدون المزيد ومن أيها الأقل.
view_less = أقل
view_usual = كما هو
view_more = أكثر
view_compared = ما ترونه أنتم، وما يراه الجميع
view_you = أنتم
view_everybody = الجميع
view_hide = لا يهمّني
view_hidden = هذا لا يهمّكم
view_show = إظهاره من جديد
view_pause = استراحة
view_pause_text = ترون لبعض الوقت ما يراه الجميع. لا يُنسى شيء، ويعود ما ترغبون فيه بعدها.
view_pause_hour = لساعة واحدة
view_pause_month = لمدة 30 يومًا
view_pause_over = المتابعة الآن
view_paused = الاقتراحات متوقفة حتى { $moment }.
