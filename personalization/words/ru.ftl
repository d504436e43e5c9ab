### Russian: what the shop's pages say. Every language has the same keys; { $name } stands for what the page fills in.

dir = ltr
comma = ,

## Frame
skip = Перейти к содержанию
sections = Разделы
account = Вы вошли как
yours = Ваша страница
signin = Войти
signout = Выйти
preferences = Ваши данные
check = Проверить квитанцию
log = Открытый журнал
demo = Это демонстрация: здесь ничего не продаётся. Но то, что вы отвечаете о своих данных, записывается по-настоящему.

## Front page and sections
hero = Вещи для неспешного часа
begin = Начать с раздела «{ $section }»
tagline = Чай, керамика, бумага и садовый инструмент
section_tea = Чай
section_tea_line = С того холма, где он вырос, и с днём сбора.
section_ceramics = Керамика
section_ceramics_line = Вылеплена на круге, неровная там, где это важно.
section_paper = Бумага
section_paper_line = Для писем, списков и вторых мыслей.
section_garden = Сад
section_garden_line = Инструмент, который передают по наследству, и семена, которыми делятся.
shelf_empty = Эта полка пока пуста.

## One item
drawing = Рисунок: { $title }
gone = распродано
sold_out = Распродано. Скоро будут новые.
stock = Есть в наличии, отправим в течение двух рабочих дней.
order = Заказать
bought = Заказано. Теперь это на вашей странице.
signin_order = Войти, чтобы заказать
related = Рядом на столе

## The page of one's own
greeting = Рады вас видеть
greeting_name = Рады вас видеть, { $name }
greeting_line = Страница, которая растёт вместе с тем, что вы позволяете нам знать.
greeting_line_known = О чём мы подумали для вас и что у вас уже есть от нас.
orders = Ваши заказы
orders_none = Вы ещё ничего не заказывали.
orders_signed_out = Ваши заказы видны здесь, когда вы вошли.

## Signing in: who can be chosen, and how they have answered
signin_title = Кто это?
signin_lead = Настоящий магазин спросил бы пароль. Здесь можно быть кем угодно, чтобы увидеть, что магазин вправе этому человеку показать.
signin_note = Войти не значит сказать «да»: магазин по-прежнему знает только то, что этот человек разрешил.
nobody = Войти не от чьего имени. Запустите демонстрацию с её данными.
somebody = покупатель
said_yes_yes_yes = запоминание — да, личные страницы — да, помощь другим — да
said_yes_yes_no = запоминание — да, личные страницы — да, помощь другим — нет
said_yes_no_no = запоминание — да, личные страницы — нет
said_no_yes_no = личные страницы — да, запоминание — нет
said_no_no_no = на всё — нет
said = ответа ещё не было

## Slots: their titles with and without permission, and the note beside them
slot_for-you = Для вас
slot_for-you_everybody = Стоит взглянуть
slot_popular_everybody = Любимое в магазине
slot_history = Ваши заказы
slot_history_everybody = Ещё из магазина
chosen = Выбрано для вас
ordered = Потому что вы это заказывали
everybody = Одинаково для всех
empty = Сейчас здесь нечего показать.

## Why an item is there
why = Почему это?
because_purchase = Потому что вы купили: { $title }
because_cart = Потому что вы положили в корзину: { $title }
because_view = Потому что вы смотрели: { $title }
because_seen = Потому что вы недавно это смотрели
because_order = Потому что вы заказали это { $day }
because_name = Потому что вы назвали нам своё имя
because_topic = Потому что вы хотите больше этого: { $section }
because_popular = Нравится другим покупателям
because_selection = Из нашей подборки, одинаковой для всех
data = Данные
purpose = Цель
not_used = Ничего о вас не использовалось.
switch_off = Отключить это

## The gate's panel
gate = Ворота
gate_label = Что пропустили ворота
opened = открыто { $opened }/{ $all }
caller = Кто спрашивает
known = известен
unknown = неизвестен
account_row = Учётная запись
signed_in = вход выполнен
signed_out = нет
released = Пропущено для этой страницы
allowed_none = Для этой страницы не пропущено ничего личного.
pair = { $name }: { $value }
open = открыто
shut = закрыто
under_name = под именем
permissions = Разрешения
always = всегда
detail = Всё подробно

## My view
view = Мой взгляд
view_lead = Что магазин думает о вас и что он показал бы, если бы ничего не знал.
view_closed = Вы видите то же, что и все. Для собственных страниц нужно ваше «да» здесь:
view_topics = Что, по-нашему, вам нравится
view_topics_text = Доля каждого раздела в том, что вы недавно купили и смотрели. Скажите, чего хотите больше, а чего меньше.
view_less = Меньше
view_usual = Как есть
view_more = Больше
view_compared = Что видите вы и что видят все
view_you = Вы
view_everybody = Все
view_hide = Не интересно
view_hidden = Вам это не интересно
view_show = Показывать снова
view_pause = Перерыв
view_pause_text = Некоторое время вы видите то же, что и все. Ничего не забывается, и потом ваши пожелания снова действуют.
view_pause_hour = На час
view_pause_month = На 30 дней
view_pause_over = Продолжить сейчас
view_paused = Подсказки приостановлены до { $moment }.
