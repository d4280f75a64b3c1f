-- What is done to the table in one statement.

-- Applies writes of one or more batches, in the order of their keys, or names those that did not find what they expected.
--
-- Rows that are there are locked as they are met, in the order of keys. A row that is not there cannot be locked, so
-- whoever relies on its absence, makes it or removes it first locks its name, in the order of the `names`.
CREATE OR REPLACE FUNCTION pullmill_commit_group(
    names BIGINT[], nows BIGINT[], places INTEGER[], kinds TEXT[], expects TEXT[], wanteds BIGINT[], pks TEXT[], sks TEXT[],
    queues TEXT[], tenants TEXT[], dues BIGINT[], first_pks TEXT[], first_sks TEXT[], second_pks TEXT[],
    second_sks TEXT[], expiries BIGINT[], bodies BYTEA[], deltas BIGINT[], leasts BIGINT[], mosts BIGINT[]
) RETURNS VOID LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    name BIGINT;
    failed INTEGER[] := '{}';
    found_version BIGINT;
    found_epoch BIGINT;
    found_expiry BIGINT;
    is_there BOOLEAN;
    is_expected BOOLEAN;
BEGIN
    FOREACH name IN ARRAY names LOOP
        -- Asked so that it is an expression: cheaper than a statement.
        is_there := pg_advisory_xact_lock(name) IS NULL;
    END LOOP;
    FOR i IN 1 .. cardinality(kinds) LOOP
        IF kinds[i] = 'put' AND expects[i] = 'absent' THEN
            INSERT INTO pullmill_record AS r (pk, sk, version, queue, tenant, due, first_pk, first_sk, second_pk, second_sk, expires_at, body)
            VALUES (pks[i], sks[i], 1, queues[i], tenants[i], dues[i], first_pks[i], first_sks[i], second_pks[i], second_sks[i], expiries[i], bodies[i])
            ON CONFLICT (pk, sk) DO UPDATE SET
                version = r.version + 1, count = 0, held = NULL, queue = excluded.queue, tenant = excluded.tenant,
                due = excluded.due, first_pk = excluded.first_pk, first_sk = excluded.first_sk,
                second_pk = excluded.second_pk, second_sk = excluded.second_sk,
                expires_at = excluded.expires_at, body = excluded.body
            WHERE r.expires_at <= nows[i];
        ELSIF kinds[i] = 'put' THEN
            UPDATE pullmill_record AS r SET
                version = r.version + 1, held = NULL, queue = queues[i], tenant = tenants[i], due = dues[i],
                first_pk = first_pks[i], first_sk = first_sks[i], second_pk = second_pks[i],
                second_sk = second_sks[i], expires_at = expiries[i], body = bodies[i]
            WHERE r.pk = pks[i] AND r.sk = sks[i] AND (r.expires_at IS NULL OR r.expires_at > nows[i])
                AND CASE expects[i] WHEN 'version' THEN r.version ELSE r.epoch END = wanteds[i];
        ELSIF kinds[i] = 'poke' THEN
            INSERT INTO pullmill_record AS r (pk, sk, version, queue, tenant, due, body)
            VALUES (pks[i], sks[i], 1, queues[i], tenants[i], dues[i], bodies[i])
            ON CONFLICT (pk, sk) DO UPDATE SET
                version = r.version + 1, queue = coalesce(r.queue, excluded.queue),
                tenant = coalesce(r.tenant, excluded.tenant),
                due = CASE WHEN r.held IS NULL THEN excluded.due ELSE r.due END,
                second_pk = NULL, second_sk = NULL;
        ELSIF kinds[i] = 'add' THEN
            UPDATE pullmill_record AS r SET
                version = r.version + 1,
                count = CASE WHEN r.expires_at <= nows[i] THEN deltas[i] ELSE r.count + deltas[i] END,
                expires_at = expiries[i]
            WHERE r.pk = pks[i] AND r.sk = sks[i]
                AND CASE WHEN r.expires_at <= nows[i] THEN deltas[i] ELSE r.count + deltas[i] END BETWEEN leasts[i] AND mosts[i];
            IF NOT FOUND AND deltas[i] BETWEEN leasts[i] AND mosts[i] THEN
                INSERT INTO pullmill_record (pk, sk, version, count, expires_at, body)
                VALUES (pks[i], sks[i], 1, deltas[i], expiries[i], bodies[i])
                ON CONFLICT (pk, sk) DO NOTHING;
            END IF;
        ELSE
            SELECT r.version, r.epoch, r.expires_at INTO found_version, found_epoch, found_expiry
            FROM pullmill_record AS r WHERE r.pk = pks[i] AND r.sk = sks[i] FOR SHARE;
            is_there := FOUND AND (found_expiry IS NULL OR found_expiry > nows[i]);
            is_expected := CASE expects[i]
                WHEN 'absent' THEN NOT is_there
                WHEN 'version' THEN is_there AND found_version = wanteds[i]
                ELSE is_there AND found_epoch = wanteds[i]
            END;
            IF NOT is_expected THEN
                failed := failed || places[i];
            ELSIF kinds[i] = 'delete' THEN
                DELETE FROM pullmill_record AS r WHERE r.pk = pks[i] AND r.sk = sks[i];
            END IF;
            CONTINUE;
        END IF;
        IF NOT FOUND THEN
            failed := failed || places[i];
        END IF;
    END LOOP;
    IF cardinality(failed) > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'PM001', MESSAGE = 'conflict', DETAIL = array_to_string(failed, ',');
    END IF;
END
$$;

-- Leases what is due in a queue. Tenants take turns, from the one behind `last` on; each gives its oldest.
CREATE OR REPLACE FUNCTION pullmill_lease(wanted TEXT, now BIGINT, until BIGINT, most INTEGER, last TEXT)
RETURNS SETOF pullmill_record LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    turns TEXT[] := '{}';
    oldest BIGINT[] := '{}';
    turn TEXT;
    since BIGINT;
    expiry BIGINT;
    place TEXT := last;
    is_round BOOLEAN := last = '';
    free INTEGER := most;
    share INTEGER;
    taken INTEGER;
BEGIN
    LOOP
        -- The next tenant and its oldest in one step: what was leased before lies in front of it, dead, until it is vacuumed.
        SELECT r.tenant, r.due, r.expires_at INTO turn, since, expiry FROM pullmill_record AS r
        WHERE r.queue = wanted AND r.tenant > place ORDER BY r.tenant, r.due LIMIT 1;
        IF NOT FOUND THEN
            EXIT WHEN is_round;
            is_round := TRUE;
            place := '';
            CONTINUE;
        END IF;
        EXIT WHEN is_round AND last <> '' AND turn > last;
        place := turn;
        IF since <= now AND (expiry IS NULL OR expiry > now OR EXISTS (
            SELECT FROM pullmill_record AS r WHERE r.queue = wanted AND r.tenant = turn AND r.due <= now
                AND (r.expires_at IS NULL OR r.expires_at > now)
        )) THEN
            turns := turns || turn;
            oldest := oldest || since;
            EXIT WHEN cardinality(turns) >= most;
        END IF;
    END LOOP;
    IF cardinality(turns) = 0 THEN
        RETURN;
    END IF;
    share := ceil(most::numeric / cardinality(turns));
    FOR round IN 1 .. 2 LOOP
        FOR i IN 1 .. cardinality(turns) LOOP
            RETURN QUERY
            WITH picked AS MATERIALIZED (
                SELECT r.pk, r.sk, r.due FROM pullmill_record AS r
                WHERE r.queue = wanted AND r.tenant = turns[i] AND r.due BETWEEN oldest[i] AND now
                    AND (r.expires_at IS NULL OR r.expires_at > now)
                ORDER BY r.due LIMIT least(share, free) FOR UPDATE SKIP LOCKED
            ), leased AS (
                UPDATE pullmill_record AS r
                SET due = until, held = until, epoch = r.epoch + 1, version = r.version + 1
                FROM picked WHERE r.pk = picked.pk AND r.sk = picked.sk
                RETURNING r.*, picked.due AS since
            )
            SELECT id, pk, sk, version, epoch, count, queue, tenant, due, held, first_pk, first_sk, second_pk, second_sk,
                expires_at, body
            FROM leased ORDER BY leased.since, leased.id;
            GET DIAGNOSTICS taken = ROW_COUNT;
            free := free - taken;
            EXIT WHEN free = 0;
        END LOOP;
        EXIT WHEN free = 0;
        share := free;
    END LOOP;
END
$$;

-- When something of a queue is due next: the oldest of each tenant, found by one step into the index.
CREATE OR REPLACE FUNCTION pullmill_next(wanted TEXT) RETURNS BIGINT LANGUAGE SQL STABLE AS $$
    WITH RECURSIVE tenants (name) AS (
        SELECT min(r.tenant) FROM pullmill_record AS r WHERE r.queue = wanted
        UNION ALL
        SELECT (SELECT min(r.tenant) FROM pullmill_record AS r WHERE r.queue = wanted AND r.tenant > tenants.name)
        FROM tenants WHERE tenants.name IS NOT NULL
    )
    SELECT min((SELECT min(r.due) FROM pullmill_record AS r WHERE r.queue = wanted AND r.tenant = tenants.name))
    FROM tenants WHERE tenants.name IS NOT NULL
$$;
