-- Personal values, enciphered under a key of their data subject. The only table from which anything may ever be deleted.
create table es.personal (
  position   bigint   not null,
  slot       smallint not null,
  subject_id uuid     not null,
  key_id     bigint   not null,
  nonce      bytea    not null,
  ciphertext bytea    not null,
  primary key (position, slot)
);
create index personal_subject on es.personal (subject_id);
