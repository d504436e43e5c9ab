### Spanish: what the shop's pages say. Every language has the same keys; { $name } stands for what the page fills in.

dir = ltr
comma = ,

## Frame
skip = Ir al contenido
sections = Secciones
account = Sesión iniciada como
yours = Su página
signin = Iniciar sesión
signout = Cerrar sesión
preferences = Su privacidad
check = Comprobar un recibo
log = Registro público
demo = Una demostración: aquí no se vende nada. Lo que responda sobre sus datos se anota de verdad.

## Front page and sections
hero = Cosas para la hora tranquila
begin = Empezar por la sección { $section }
tagline = Té, cerámica, papel y herramientas de jardín
section_tea = Té
section_tea_line = De la ladera en que creció, con el día en que se recogió.
section_ceramics = Cerámica
section_ceramics_line = Torneada a mano, irregular donde importa.
section_paper = Papel
section_paper_line = Para cartas, listas y segundos pensamientos.
section_garden = Jardín
section_garden_line = Herramientas que se heredan y semillas que se comparten.
shelf_empty = Este estante está vacío por ahora.

## One item
drawing = Un dibujo: { $title }
gone = agotado
sold_out = Agotado. Se están haciendo más.
stock = En existencias, se envía en dos días laborables.
order = Pedir
bought = Pedido. Ya está en su página.
signin_order = Iniciar sesión para pedir
related = Al lado, en la mesa

## The page of one's own
greeting = Qué alegría verle
greeting_name = Qué alegría verle, { $name }
greeting_line = Una página que crece con lo que usted nos deja saber.
greeting_line_known = Lo que hemos pensado para usted, y lo que ya tiene de nosotros.
orders = Sus pedidos
orders_none = Todavía no ha pedido nada.
orders_signed_out = Sus pedidos aparecen aquí cuando ha iniciado sesión.

## Signing in: who can be chosen, and how they have answered
signin_title = ¿Quién es?
signin_lead = Una tienda de verdad pediría una contraseña. Aquí puede ser quien quiera, para ver lo que la tienda le puede mostrar.
signin_note = Iniciar sesión no es decir que sí: la tienda sigue sabiendo solo lo que esa persona ha permitido.
nobody = No hay nadie con quien iniciar sesión. Inicie la demostración con sus datos.
somebody = alguien de nuestra clientela
said_yes_yes_yes = dijo que sí a que se recuerde, a las páginas personales y a ayudar a los demás
said_yes_yes_no = dijo que sí a que se recuerde y a las páginas personales, no a ayudar a los demás
said_yes_no_no = dijo que sí a que se recuerde, no a las páginas personales
said_no_yes_no = dijo que sí a las páginas personales, no a que se recuerde
said_no_no_no = dijo que no a todo
said = no ha respondido nunca

## Slots: their titles with and without permission, and the note beside them
slot_for-you = Para usted
slot_for-you_everybody = Merece una mirada
slot_popular_everybody = Los favoritos de la tienda
slot_history = Sus pedidos
slot_history_everybody = Más de la tienda
chosen = Elegido para usted
ordered = Porque lo pidió
everybody = Igual para todos
empty = Por el momento no hay nada que mostrar aquí.

## Why an item is there
why = ¿Por qué esto?
because_purchase = Porque compró { $title }
because_cart = Porque puso { $title } en su cesta
because_view = Porque miró { $title }
because_seen = Porque lo miró hace poco
because_order = Porque lo pidió el { $day }
because_name = Porque nos dijo su nombre
because_topic = Porque quiere más de esto: { $section }
because_popular = Gusta a otras personas
because_selection = De nuestra selección, igual para todos
data = Datos
purpose = Finalidad
not_used = No se usó nada sobre usted.
switch_off = Desactivar esto

## The gate's panel
gate = La puerta
gate_label = Lo que la puerta dejó pasar
opened = { $opened }/{ $all } abiertas
caller = Quién pregunta
known = conocido
unknown = desconocido
account_row = Cuenta
signed_in = sesión iniciada
signed_out = ninguna
released = Lo que pasó para esta página
allowed_none = No se dejó pasar nada personal para esta página.
pair = { $name }: { $value }
open = abierta
shut = cerrada
under_name = como
permissions = Permisos
always = siempre
detail = Todo en detalle

## My view
view = Mi vista
view_lead = Lo que la tienda deduce de sus datos, y lo que le mostraría si no supiera nada.
view_closed = Ve lo mismo que todo el mundo. Para tener páginas propias hace falta un sí a esto:
view_topics = Lo que creemos que le gusta
view_topics_text = La parte de cada sección en lo que ha comprado y mirado últimamente. Diga de qué quiere más, o menos.
view_less = Menos
view_usual = Como venga
view_more = Más
view_compared = Lo que ve usted, y lo que ve todo el mundo
view_you = Usted
view_everybody = Todo el mundo
view_hide = No me interesa
view_hidden = No le interesa
view_show = Mostrar de nuevo
view_pause = Una pausa
view_pause_text = Durante un tiempo ve lo mismo que todo el mundo. No se olvida nada, y después vuelve a valer lo que desea.
view_pause_hour = Durante una hora
view_pause_month = Durante 30 días
view_pause_over = Continuar ahora
view_paused = Las sugerencias están en pausa hasta el { $moment }.
