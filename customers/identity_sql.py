"""The statements that find people by their keys and introduce those who are new, over the table `people_told`.

They run in this order, in one transaction. `people_found` says whose each person is; `people_keys` has every key that
might tell something new, with its owner if it has one.
"""

from crm_suite.lib.digests import DIGEST_SQL

#: So many platform buyers may share one phone or e-mail. Behind more stands an agent, who is nobody's key.
CROWD = 20

COLUMNS = (
    "no", "kind", "scope", "value", "original", "name", "phone", "email", "city", "country", "birthday", "wechat",
    "loyalty_scope", "loyalty", "masked_phone", "address",
)  # fmt: skip

TOLD = """
CREATE TEMP TABLE people_told (no int, kind text, scope text, value text, original text, name text, phone text,
  email text, city text, country text, birthday date, wechat text, loyalty_scope text, loyalty text,
  masked_phone text, address text, is_erased boolean DEFAULT false) ON COMMIT DROP
"""

COPY = (
    f"COPY people_told ({', '.join(COLUMNS)}) FROM STDIN WITH (FORMAT csv, "
    f"FORCE_NOT_NULL ({', '.join(name for name in COLUMNS if name not in {'no', 'birthday'})}))"
)

FOUND = """
CREATE TEMP TABLE people_found ON COMMIT DROP AS
SELECT t.no, i.customer_id AS customer FROM people_told t
JOIN customers_identity i ON (i.kind, i.scope, i.value) = (t.kind, t.scope, t.value)
"""

_KEYS = """(VALUES (0, t.kind, t.scope, t.value, NULL), (1, 'phone', %(shared)s, t.phone, t.known_phone),
  (2, 'email', %(shared)s, lower(t.email), lower(t.known_email)), (3, 'wechat', %(shared)s, t.wechat, ''),
  (4, 'loyalty', t.loyalty_scope, t.loyalty, '')) AS k (rank, kind, scope, value, has)"""

# Whose key was erased does not come back: of a stranger nothing is kept but the digest, a known person learns nothing.
ERASED = f"""
UPDATE people_told t SET is_erased = e.is_stranger, kind = CASE WHEN e.is_stranger THEN e.kind ELSE t.kind END,
  scope = CASE WHEN e.is_stranger THEN e.scope ELSE t.scope END,
  value = CASE WHEN e.is_stranger THEN 'erased:' || e.digest ELSE t.value END,
  original = '', name = '', phone = '', email = '', city = '', country = '', birthday = NULL, wechat = '', loyalty = '',
  masked_phone = '', address = ''
FROM (
  SELECT DISTINCT ON (t.no) t.no, t.is_stranger, k.kind, k.scope, e.digest
  FROM (SELECT t.*, f.no IS NULL AS is_stranger, '' AS known_phone, '' AS known_email
        FROM people_told t LEFT JOIN people_found f USING (no)) t
  CROSS JOIN LATERAL {_KEYS}
  JOIN customers_erasedkey e ON e.digest = {DIGEST_SQL.format(text="k.kind || ':' || k.scope || ':' || k.value")}
  WHERE k.value <> '' ORDER BY t.no, k.rank) e
WHERE e.no = t.no
"""  # noqa: S608  our own words

# Most of those who are known tell nothing new, and are passed over before their keys are spelled out.
KEYS = f"""
CREATE TEMP TABLE people_keys ON COMMIT DROP AS
SELECT t.no, k.rank, k.kind, k.scope, k.value, t.is_stranger, coalesce(k.has, '') = '' AS is_lacking,
  i.customer_id AS owner
FROM (
  SELECT t.*, f.no IS NULL AS is_stranger, c.phone AS known_phone, c.email AS known_email
  FROM people_told t LEFT JOIN people_found f USING (no) LEFT JOIN customers_customer c ON c.id = f.customer
  WHERE f.no IS NULL OR t.wechat <> '' OR t.loyalty <> '' OR (t.phone <> '' AND t.phone <> c.phone)
    OR (t.email <> '' AND lower(t.email) <> lower(c.email))) t
CROSS JOIN LATERAL {_KEYS}
LEFT JOIN customers_identity i ON (i.kind, i.scope, i.value) = (k.kind, k.scope, k.value)
WHERE k.value <> '' AND k.value IS DISTINCT FROM k.has
  AND CASE WHEN k.rank = 0 THEN t.is_stranger ELSE (k.kind, k.scope, k.value) <> (t.kind, t.scope, t.value) END
"""  # noqa: S608

# The first key that somebody has says who it is. A contact point that too many buyers share says nothing of a buyer.
OWNED = f"""
WITH first AS (
  SELECT DISTINCT ON (no) no, rank, owner FROM people_keys WHERE is_stranger AND owner IS NOT NULL ORDER BY no, rank
), weighed AS (
  SELECT f.no, f.owner, f.rank = 0 OR t.kind <> 'platform' AS is_sure,
    (SELECT count(*) FROM customers_identity i WHERE i.customer_id = f.owner AND i.kind = 'platform')
      + row_number() OVER (PARTITION BY f.owner ORDER BY f.no) AS buyers
  FROM first f JOIN people_told t USING (no))
INSERT INTO people_found SELECT no, owner FROM weighed WHERE is_sure OR buyers <= {CROWD}
"""  # noqa: S608

NEWCOMERS = """
CREATE TEMP TABLE people_new ON COMMIT DROP AS
SELECT t.no, t.no AS leader FROM people_told t WHERE NOT EXISTS (SELECT FROM people_found f WHERE f.no = t.no)
"""

# Newcomers who share a key with each other, with all their keys, the first to come first.
ALIKE = """
WITH fresh AS (SELECT k.* FROM people_keys k JOIN people_new USING (no) WHERE k.owner IS NULL),
shared AS (SELECT kind, scope, value FROM fresh GROUP BY kind, scope, value HAVING count(*) > 1)
SELECT no, kind, scope, value FROM fresh WHERE no IN (SELECT no FROM fresh JOIN shared USING (kind, scope, value))
ORDER BY no, rank
"""

FOLLOW = "UPDATE people_new n SET leader = v.leader FROM (VALUES %s) AS v (no, leader) WHERE n.no = v.no"

MADE = """
CREATE TEMP TABLE people_made ON COMMIT DROP AS
SELECT leader, nextval((SELECT pg_get_serial_sequence('customers_customer', 'id'))::regclass) AS customer
FROM (SELECT no AS leader FROM people_new WHERE leader = no ORDER BY no) AS leaders
"""

CREATE = """
INSERT INTO customers_customer
  (id, name, phone, email, city, country, birthday, language, note, extra, is_demo, created_at, updated_at)
SELECT m.customer, left(t.name, 150), t.phone, t.email, left(t.city, 80), left(t.country, 80), t.birthday, '', '',
  CASE WHEN t.is_erased THEN '{"erased": true}'::jsonb ELSE '{}'::jsonb END, %(is_demo)s, now(), now()
FROM people_made m JOIN people_told t ON t.no = m.leader ORDER BY m.customer
"""

INTRODUCED = "INSERT INTO people_found SELECT n.no, m.customer FROM people_new n JOIN people_made m USING (leader)"

# A second phone of somebody known may be anybody's: whoever gets a present. It is no key.
IDENTITIES = """
INSERT INTO customers_identity (customer_id, kind, scope, value, original, source, created_at)
SELECT f.customer, k.kind, k.scope, left(k.value, 254),
  left(CASE WHEN k.rank = 0 AND t.original <> '' THEN t.original WHEN t.is_erased THEN '' ELSE k.value END, 254),
  left(%(source)s, 60), now()
FROM people_keys k JOIN people_found f USING (no) JOIN people_told t USING (no)
WHERE k.owner IS NULL AND (k.is_stranger OR k.is_lacking) ORDER BY k.no, k.rank
ON CONFLICT (kind, scope, value) DO NOTHING
"""

# Two customers who share a key of this person. Not with an agent: all of whose buyers would be proposed as one.
SHARED = f"""
SELECT DISTINCT f.customer, k.owner FROM people_keys k JOIN people_found f USING (no)
WHERE k.owner <> f.customer AND {CROWD} > (
  SELECT count(*) FROM customers_identity i WHERE i.customer_id = k.owner AND i.kind = 'platform')
"""  # noqa: S608

# What a customer's row leaves empty and a person told. Rows are taken by id, so that two callers cannot lock.
FILL_IN = """
WITH lacking AS (
  SELECT c.id, f.no FROM people_found f JOIN people_told t USING (no) JOIN customers_customer c ON c.id = f.customer
  WHERE c.name = '' AND t.name <> '' OR c.phone = '' AND t.phone <> '' OR c.email = '' AND t.email <> ''
     OR c.city = '' AND t.city <> '' OR c.country = '' AND t.country <> ''
     OR c.birthday IS NULL AND t.birthday IS NOT NULL
), held AS (
  SELECT c.id FROM customers_customer c WHERE c.id IN (SELECT id FROM lacking) ORDER BY c.id FOR NO KEY UPDATE
), told AS (
  SELECT l.id, (array_agg(t.name ORDER BY t.no) FILTER (WHERE t.name <> ''))[1] AS name,
    (array_agg(t.phone ORDER BY t.no) FILTER (WHERE t.phone <> ''))[1] AS phone,
    (array_agg(t.email ORDER BY t.no) FILTER (WHERE t.email <> ''))[1] AS email,
    (array_agg(t.city ORDER BY t.no) FILTER (WHERE t.city <> ''))[1] AS city,
    (array_agg(t.country ORDER BY t.no) FILTER (WHERE t.country <> ''))[1] AS country,
    (array_agg(t.birthday ORDER BY t.no) FILTER (WHERE t.birthday IS NOT NULL))[1] AS birthday
  FROM lacking l JOIN people_told t USING (no) GROUP BY l.id)
UPDATE customers_customer c SET updated_at = now(),
  name = coalesce(nullif(c.name, ''), left(t.name, 150), ''), phone = coalesce(nullif(c.phone, ''), t.phone, ''),
  email = coalesce(nullif(c.email, ''), t.email, ''), city = coalesce(nullif(c.city, ''), left(t.city, 80), ''),
  country = coalesce(nullif(c.country, ''), left(t.country, 80), ''), birthday = coalesce(c.birthday, t.birthday)
FROM told t JOIN held USING (id) WHERE c.id = t.id
"""

WEAK_KEYS = """
INSERT INTO customers_weakkey (customer_id, kind, value, source)
SELECT DISTINCT f.customer, w.kind, w.value, left(%(source)s, 60)
FROM people_told t JOIN people_found f USING (no)
CROSS JOIN LATERAL (VALUES ('phone', t.masked_phone), ('address', t.address)) AS w (kind, value)
LEFT JOIN customers_weakkey known ON (known.kind, known.value, known.customer_id) = (w.kind, w.value, f.customer)
WHERE w.value <> '' AND known.id IS NULL ORDER BY 1, 2, 3
ON CONFLICT DO NOTHING
"""

DROP = "DROP TABLE IF EXISTS people_told, people_found, people_keys, people_new, people_made"
