-- The log of reads is sealed in a tree of its own.
grant select on es.read to es_sealer;
