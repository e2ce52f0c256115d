-- One line for each thing that a restored database must have: kind, name, how many, and a checksum of the contents.
\set ON_ERROR_STOP on
\pset tuples_only on
\pset format unaligned
\pset fieldsep ' '
SET TimeZone = 'UTC';

SELECT format(
  'SELECT %L, %L, count(*), md5(coalesce(string_agg(md5(t::text), '''' ORDER BY md5(t::text) COLLATE "C"), '''')) FROM %s AS t',
  CASE relkind WHEN 'v' THEN 'view' ELSE 'table' END, relname, oid::regclass)
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')
ORDER BY relkind, relname
\gexec

SELECT 'sequence', sequencename, last_value, md5(start_value || ' ' || increment_by || ' ' || data_type)
FROM pg_sequences ORDER BY sequencename;

SELECT 'large-object', 'of-product-' || id, length(lo_get(photo)), md5(lo_get(photo))
FROM products WHERE photo IS NOT NULL ORDER BY id;

SELECT 'schema', 'columns', count(*),
  md5(string_agg(concat_ws(' ', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull, attgenerated, attidentity), ',' ORDER BY attrelid::regclass::text, attnum))
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') AND attnum > 0;

SELECT 'schema', 'constraints', count(*), md5(string_agg(conname || pg_get_constraintdef(oid), ',' ORDER BY conname, conrelid::regclass::text))
FROM pg_constraint WHERE connamespace = 'public'::regnamespace;

SELECT 'schema', 'indexes', count(*), md5(string_agg(indexdef, ',' ORDER BY indexname))
FROM pg_indexes WHERE schemaname = 'public';
