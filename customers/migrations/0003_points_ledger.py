"""The ledger of points is append-only, and a balance is the sum of its entries, whoever writes to the tables."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION customers_points_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A merge moves an entry to another customer; a shop, a colleague or a person's data may be forgotten.
    IF (NEW.id, NEW.kind, NEW.points, NEW.occurred_at, NEW.expires_on, NEW.order_id, NEW.key, NEW.booked_at)
        IS DISTINCT FROM
       (OLD.id, OLD.kind, OLD.points, OLD.occurred_at, OLD.expires_on, OLD.order_id, OLD.key, OLD.booked_at)
       OR NEW.shop_id IS DISTINCT FROM OLD.shop_id AND NEW.shop_id IS NOT NULL
       OR NEW.booked_by_id IS DISTINCT FROM OLD.booked_by_id AND NEW.booked_by_id IS NOT NULL
       OR NEW.reason IS DISTINCT FROM OLD.reason AND NEW.reason <> ''
    THEN
        RAISE EXCEPTION 'points entry % cannot be changed: book another one', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER customers_points_fixed BEFORE UPDATE ON customers_pointsentry
    FOR EACH ROW EXECUTE FUNCTION customers_points_append_only();

CREATE FUNCTION customers_points_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM customers_customer WHERE id = OLD.customer_id) THEN
        RAISE EXCEPTION 'points entry % cannot be deleted: it goes with its customer only', OLD.id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

-- Looked at when the transaction ends: entries are deleted before the customer to whom they point.
CREATE CONSTRAINT TRIGGER customers_points_stay AFTER DELETE ON customers_pointsentry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION customers_points_kept();

CREATE FUNCTION customers_points_sum() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.points := coalesce((SELECT sum(points) FROM customers_pointsentry WHERE customer_id = NEW.customer_id), 0);
    RETURN NEW;
END $$;

-- The row is locked when this runs, and the function sees everything committed: entries that two transactions book
-- for one customer at once are both in the sum of the one that comes second.
CREATE TRIGGER customers_membership_points BEFORE INSERT OR UPDATE OF customer_id, points ON customers_membership
    FOR EACH ROW EXECUTE FUNCTION customers_points_sum();

-- Makes the database work out the balances of these customers; those who got entries become members. What is written
-- as points does not matter, the trigger above does.
CREATE FUNCTION customers_points_refresh(lost bigint[], got bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE customers_membership SET points = 0 WHERE customer_id IN (
        SELECT customer_id FROM customers_membership WHERE customer_id = ANY (lost) ORDER BY customer_id FOR UPDATE
    );
    INSERT INTO customers_membership (customer_id, number, points)
    SELECT DISTINCT customer, '', 0 FROM unnest(got) AS customer ORDER BY customer
    ON CONFLICT (customer_id) DO UPDATE SET points = 0;
END $$;

CREATE FUNCTION customers_points_booked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM customers_points_refresh('{}', array_agg(customer_id)) FROM added;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM customers_points_refresh(array_agg(customer_id), '{}') FROM gone;
    ELSE
        PERFORM customers_points_refresh(array_agg(gone.customer_id), array_agg(added.customer_id))
        FROM gone JOIN added USING (id) WHERE gone.customer_id <> added.customer_id;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER customers_points_added AFTER INSERT ON customers_pointsentry
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION customers_points_booked();
CREATE TRIGGER customers_points_moved AFTER UPDATE ON customers_pointsentry
    REFERENCING OLD TABLE AS gone NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION customers_points_booked();
CREATE TRIGGER customers_points_gone AFTER DELETE ON customers_pointsentry
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION customers_points_booked();
"""

BACKWARD = """
DROP TRIGGER customers_points_gone ON customers_pointsentry;
DROP TRIGGER customers_points_moved ON customers_pointsentry;
DROP TRIGGER customers_points_added ON customers_pointsentry;
DROP FUNCTION customers_points_booked();
DROP FUNCTION customers_points_refresh(bigint[], bigint[]);
DROP TRIGGER customers_membership_points ON customers_membership;
DROP FUNCTION customers_points_sum();
DROP TRIGGER customers_points_stay ON customers_pointsentry;
DROP FUNCTION customers_points_kept();
DROP TRIGGER customers_points_fixed ON customers_pointsentry;
DROP FUNCTION customers_points_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("customers", "0002_one_customer")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
