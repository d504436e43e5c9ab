-- A kept reply is written, read and deleted, and never changed: like a body, and a count's text. So of all that is sealed the
-- house's own role can replace two things, a wrapped key and a record, and of these an older one is noticed: a write is a key.
revoke update on ecrm.reply from ecrm_house;
