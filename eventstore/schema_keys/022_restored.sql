-- A keys' database that was restored counts on from where its backup ended. Numbers that the log knows already must not be given
-- to others: what is said of a key there, such as that it was destroyed, would be taken to be said of theirs.
create function keys.count_on_after(p_key_id bigint) returns void
language plpgsql security definer set search_path = keys, pg_temp as $$
begin
  perform setval(pg_get_serial_sequence('keys.subject_key', 'key_id'),
                 greatest(p_key_id, nextval(pg_get_serial_sequence('keys.subject_key', 'key_id'))));
end $$;
revoke execute on function keys.count_on_after(bigint) from public;
grant execute on function keys.count_on_after(bigint) to es_custodian;
