-- Does the database take writes, and up to which migration is it current? Index: none, the table has a row a migration.
select pg_is_in_recovery() as is_standby, (select max(m.version) from kazi_migrations m) as version
