-- The order in which an import takes its lines follows from the key file: a seed that lies in the table would give whoever
-- has a dump the file's own order back, and with it which rows of several tables belong together.

alter table ecrm.import_job drop column seed;
