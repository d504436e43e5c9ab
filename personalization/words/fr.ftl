### French: what the shop's pages say. Every language has the same keys; { $name } stands for what the page fills in.

dir = ltr
comma = ,

## Frame
skip = Aller au contenu
sections = Rayons
account = Session de
yours = Votre page
signin = Se connecter
signout = Se déconnecter
preferences = Votre vie privée
check = Vérifier un reçu
log = Journal public
demo = Une démonstration : rien n’est vendu ici. Ce que vous répondez au sujet de vos données est enregistré pour de bon.

## Front page and sections
hero = Des choses pour l’heure tranquille
begin = Commencer par le rayon { $section }
tagline = Thé, céramique, papier et outils de jardin
section_tea = Thé
section_tea_line = De la colline où il a poussé, avec le jour de sa cueillette.
section_ceramics = Céramique
section_ceramics_line = Tournée à la main, irrégulière là où il faut.
section_paper = Papier
section_paper_line = Pour les lettres, les listes et les repentirs.
section_garden = Jardin
section_garden_line = Des outils que l’on lègue, des graines que l’on partage.
shelf_empty = Cette étagère est vide pour le moment.

## One item
drawing = Un dessin : { $title }
gone = épuisé
sold_out = Épuisé. D’autres sont en fabrication.
stock = En stock, expédié sous deux jours ouvrés.
order = Commander
bought = Commandé. C’est maintenant sur votre page.
signin_order = Se connecter pour commander
related = À côté, sur la table

## The page of one's own
greeting = Quel plaisir de vous voir
greeting_name = Quel plaisir de vous voir, { $name }
greeting_line = Une page qui grandit avec ce que vous nous laissez savoir.
greeting_line_known = Ce à quoi nous avons pensé pour vous, et ce que vous avez déjà de chez nous.
orders = Vos commandes
orders_none = Vous n’avez encore rien commandé.
orders_signed_out = Vos commandes s’affichent ici quand vous êtes en session.

## Signing in: who can be chosen, and how they have answered
signin_title = Qui est là ?
signin_lead = Une vraie boutique demanderait un mot de passe. Ici, vous pouvez être n’importe qui, pour voir ce que la boutique a le droit de lui montrer.
signin_note = Se connecter n’est pas dire oui : la boutique ne sait toujours que ce que cette personne a autorisé.
nobody = Il n’y a personne sous le nom de qui se connecter. Lancez la démonstration avec ses données.
somebody = une personne de notre clientèle
said_yes_yes_yes = a dit oui au souvenir, aux pages personnelles et à l’aide aux autres
said_yes_yes_no = a dit oui au souvenir et aux pages personnelles, non à l’aide aux autres
said_yes_no_no = a dit oui au souvenir, non aux pages personnelles
said_no_yes_no = a dit oui aux pages personnelles, non au souvenir
said_no_no_no = a dit non à tout
said = n’a jamais répondu

## Slots: their titles with and without permission, and the note beside them
slot_for-you = Pour vous
slot_for-you_everybody = À regarder de près
slot_popular_everybody = Les favoris de la boutique
slot_history = Vos commandes
slot_history_everybody = D’autres choses de la boutique
chosen = Choisi pour vous
ordered = Parce que vous l’avez commandé
everybody = Pareil pour tout le monde
empty = Rien à montrer ici pour le moment.

## Why an item is there
why = Pourquoi ceci ?
because_purchase = Parce que vous avez acheté { $title }
because_cart = Parce que vous avez mis { $title } dans votre panier
because_view = Parce que vous avez regardé { $title }
because_seen = Parce que vous l’avez regardé récemment
because_order = Parce que vous l’avez commandé le { $day }
because_name = Parce que vous nous avez dit votre nom
because_topic = Parce que vous en voulez plus : { $section }
because_popular = Apprécié par d’autres
because_selection = De notre sélection, la même pour tout le monde
data = Données
purpose = Finalité
not_used = Rien de ce qui vous concerne n’a été utilisé.
switch_off = Désactiver ceci

## The gate's panel
gate = La porte
gate_label = Ce que la porte a laissé passer
opened = { $opened }/{ $all } ouvertes
caller = Qui demande
known = connu
unknown = inconnu
account_row = Compte
signed_in = en session
signed_out = aucun
released = Laissé passer pour cette page
allowed_none = Rien de personnel n’a été laissé passer pour cette page.
pair = { $name } : { $value }
open = ouverte
shut = fermée
under_name = sous le nom
permissions = Autorisations
always = toujours
detail = Tout en détail

## My view
view = Ma vue
view_lead = Ce que la boutique déduit de vos données, et ce qu’elle vous montrerait si elle ne savait rien.
view_closed = Vous voyez ce que tout le monde voit. Pour des pages à vous, il faut un oui à ceci :
view_topics = Ce que vous aimez, pensons-nous
view_topics_text = La part de chaque rayon dans ce que vous avez acheté et regardé récemment. Dites où vous en voulez plus, ou moins.
view_less = Moins
view_usual = Comme cela vient
view_more = Plus
view_compared = Ce que vous voyez, et ce que tout le monde voit
view_you = Vous
view_everybody = Tout le monde
view_hide = Cela ne m’intéresse pas
view_hidden = Cela ne vous intéresse pas
view_show = Montrer de nouveau
view_pause = Une pause
view_pause_text = Vous voyez pendant un temps ce que tout le monde voit. Rien n’est oublié, et vos souhaits valent de nouveau ensuite.
view_pause_hour = Pour une heure
view_pause_month = Pour 30 jours
view_pause_over = Reprendre maintenant
view_paused = Les suggestions sont en pause jusqu’au { $moment }.
