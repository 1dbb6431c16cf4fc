import type { Pool } from 'pg';
import { WaybillError } from '../../errors.ts';

/**
 * What the schema came to be by, oldest first; each runs once, in a transaction, and is never changed afterwards. `$schema` is the
 * quoted name of the schema.
 *
 * A record belongs to its writer, the process that made it, which counts its records from 1. What is settled of a writer's records is
 * told by its row, and not by each record, so that settling costs no write: all below `mark` but the `holes` are settled for so long
 * that they may go, all below `next_mark` but the `next_holes` are settled.
 */
const MIGRATIONS: readonly string[] = [
  `
CREATE SEQUENCE $schema.state_version;

CREATE TABLE $schema.state (
  scope text NOT NULL,
  key bytea NOT NULL,
  long_key bytea,
  version bigint NOT NULL,
  changed_at bigint NOT NULL,
  forget_at bigint,
  value bytea NOT NULL,
  PRIMARY KEY (scope, key)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX state_by_end ON $schema.state (forget_at) WHERE forget_at IS NOT NULL;

CREATE TABLE $schema.record (
  scope text NOT NULL,
  id bytea NOT NULL,
  writer bigint,
  seq bigint NOT NULL,
  keep_until bigint,
  free_at bigint,
  effects bytea NOT NULL,
  PRIMARY KEY (scope, id)
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX record_by_writer ON $schema.record (writer, seq) WHERE writer IS NOT NULL AND keep_until IS NULL;
CREATE INDEX record_by_keep ON $schema.record (keep_until) WHERE writer IS NOT NULL AND keep_until IS NOT NULL;
CREATE INDEX record_by_end ON $schema.record (free_at) WHERE writer IS NULL;

CREATE TABLE $schema.writer (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  seen_at bigint NOT NULL,
  mark bigint NOT NULL DEFAULT 0,
  holes bigint[] NOT NULL DEFAULT '{}',
  next_mark bigint NOT NULL DEFAULT 0,
  next_holes bigint[] NOT NULL DEFAULT '{}'
);

-- Writes many units, each all or nothing, and returns those it did not write: 'moved', or 'repeated' with what is on record.
-- Locks are taken in the order of their keys. What another transaction creates meanwhile raises 40001, and the whole is called again.
CREATE FUNCTION $schema.commit_units(
  in_writer bigint, in_now bigint,
  in_scope text[], in_id bytea[], in_seq bigint[], in_keep bigint[], in_effects bytea[],
  in_unit int[], in_state_scope text[], in_key bytea[], in_long bytea[], in_based bigint[], in_forget bigint[],
  in_value bytea[]
) RETURNS TABLE (unit int, outcome text, effects bytea, writer bigint, seq bigint)
LANGUAGE plpgsql AS $body$
#variable_conflict use_column
DECLARE
  known int[];
  moved int[];
  skipped int[];
  expected bigint;
  found bigint;
BEGIN
  known := ARRAY(
    SELECT u.n::int FROM unnest(in_scope, in_id) WITH ORDINALITY AS u(scope, id, n)
    JOIN $schema.record r ON r.scope = u.scope AND r.id = u.id);

  IF cardinality(in_unit) > 0 THEN
    PERFORM 1 FROM $schema.state s
    JOIN unnest(in_state_scope, in_key) AS c(scope, key) ON s.scope = c.scope AND s.key = c.key
    ORDER BY s.scope, s.key FOR UPDATE OF s;
    moved := ARRAY(
      SELECT DISTINCT c.unit FROM unnest(in_unit, in_state_scope, in_key, in_based) AS c(unit, scope, key, based)
      LEFT JOIN $schema.state s ON s.scope = c.scope AND s.key = c.key
      WHERE CASE WHEN s.version IS NULL OR s.forget_at <= in_now THEN 0 ELSE s.version END <> c.based AND c.unit <> ALL(known));
    skipped := known || moved;

    DELETE FROM $schema.state s
    USING unnest(in_unit, in_state_scope, in_key, in_value) AS c(unit, scope, key, value)
    WHERE s.scope = c.scope AND s.key = c.key AND (c.value IS NULL OR s.forget_at <= in_now) AND c.unit <> ALL(skipped);

    UPDATE $schema.state s
    SET value = c.value, version = nextval('$schema.state_version'), changed_at = in_now, forget_at = c.forget
    FROM unnest(in_unit, in_state_scope, in_key, in_based, in_forget, in_value) AS c(unit, scope, key, based, forget, value)
    WHERE s.scope = c.scope AND s.key = c.key AND c.based > 0 AND c.value IS NOT NULL AND c.unit <> ALL(skipped);

    SELECT count(*) INTO expected FROM unnest(in_unit, in_based, in_value) AS c(unit, based, value)
    WHERE c.based = 0 AND c.value IS NOT NULL AND c.unit <> ALL(skipped);
    IF expected > 0 THEN
      INSERT INTO $schema.state (scope, key, long_key, version, changed_at, forget_at, value)
      SELECT c.scope, c.key, c.long, nextval('$schema.state_version'), in_now, c.forget, c.value
      FROM unnest(in_unit, in_state_scope, in_key, in_long, in_based, in_forget, in_value)
        AS c(unit, scope, key, long, based, forget, value)
      WHERE c.based = 0 AND c.value IS NOT NULL AND c.unit <> ALL(skipped)
      ORDER BY c.scope, c.key
      ON CONFLICT DO NOTHING;
      GET DIAGNOSTICS found = ROW_COUNT;
      IF found <> expected THEN
        RAISE EXCEPTION 'a state was made meanwhile' USING ERRCODE = '40001';
      END IF;
    END IF;
  ELSE
    skipped := known;
  END IF;

  INSERT INTO $schema.record (scope, id, writer, seq, keep_until, effects)
  SELECT u.scope, u.id, in_writer, u.seq, u.keep, u.effects
  FROM unnest(in_scope, in_id, in_seq, in_keep, in_effects) WITH ORDINALITY AS u(scope, id, seq, keep, effects, n)
  WHERE u.n::int <> ALL(skipped)
  ORDER BY u.scope, u.id
  ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS found = ROW_COUNT;
  IF found <> cardinality(in_scope) - cardinality(skipped) THEN
    RAISE EXCEPTION 'a message was recorded meanwhile' USING ERRCODE = '40001';
  END IF;

  IF cardinality(known) > 0 THEN
    RETURN QUERY SELECT u.n::int, 'repeated', r.effects, r.writer, r.seq
    FROM unnest(in_scope, in_id) WITH ORDINALITY AS u(scope, id, n)
    JOIN $schema.record r ON r.scope = u.scope AND r.id = u.id
    WHERE u.n::int = ANY(known);
  END IF;
  IF cardinality(moved) > 0 THEN
    RETURN QUERY SELECT m, 'moved', NULL::bytea, NULL::bigint, NULL::bigint FROM unnest(moved) AS m;
  END IF;
END
$body$;
`,
];

/** Makes the schema what this version needs. Several processes may do it at once. @throws WB_STORE_NEWER */
export async function migrate(pool: Pool, schema: string, shown: string): Promise<void> {
  if ((await versionOf(pool, schema)) === MIGRATIONS.length) return;
  const client = await pool.connect();
  let failed = true;
  try {
    await client.query('BEGIN');
    // One at a time; it is free again when the transaction ends, however that is.
    await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`waybill store ${schema}`]);
    const version = await versionOf(client, schema);
    if (version > MIGRATIONS.length) throw newer(shown, version);
    if (version < MIGRATIONS.length) {
      if (version === 0) {
        // Who may not create a schema may still have been given one.
        if (!(await hasSchema(client, schema))) await client.query(`CREATE SCHEMA "${schema}"`);
        await client.query(
          `CREATE TABLE "${schema}".migration (version int PRIMARY KEY, made_at timestamptz NOT NULL)`,
        );
      }
      for (const [at, text] of MIGRATIONS.entries()) {
        if (at < version) continue;
        await client.query(text.replaceAll('$schema', `"${schema}"`));
        await client.query(`INSERT INTO "${schema}".migration VALUES ($1, now())`, [at + 1]);
      }
    }
    await client.query('COMMIT');
    failed = false;
  } finally {
    // A connection with a transaction in it is of no use to anyone else.
    client.release(failed);
  }
}

type Queryable = Pick<Pool, 'query'>;

async function versionOf(on: Queryable, schema: string): Promise<number> {
  // Not `to_regclass`, which may answer from what this connection knew before it waited for the lock.
  const there = await on.query(
    "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = 'migration'",
    [schema],
  );
  if (there.rows.length === 0) return 0;
  const { rows } = await on.query<{ version: string | null }>(
    `SELECT max(version) AS version FROM "${schema}".migration`,
  );
  return Number(rows[0]?.version ?? 0);
}

async function hasSchema(on: Queryable, schema: string): Promise<boolean> {
  const { rows } = await on.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
  return rows.length > 0;
}

function newer(shown: string, version: number): WaybillError {
  return new WaybillError(
    'WB_STORE_NEWER',
    `${shown} has version ${String(version)}; this version of Waybill knows versions up to ${String(MIGRATIONS.length)}`,
    { fix: 'Update Waybill; the store was not changed.' },
  );
}
