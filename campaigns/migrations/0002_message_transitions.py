"""The transition table of messages (campaigns/delivery/states.py), enforced where no code path can pass it by."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION campaigns_message_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.state, NEW.state) NOT IN (
        ('queued', 'cancelled'), ('queued', 'claimed'), ('queued', 'expired'),
        ('claimed', 'cancelled'), ('claimed', 'expired'), ('claimed', 'failed'), ('claimed', 'queued'),
        ('claimed', 'retry_wait'), ('claimed', 'sending'), ('claimed', 'skipped'), ('claimed', 'unknown'),
        ('sending', 'accepted'), ('sending', 'delivered'), ('sending', 'failed'), ('sending', 'retry_wait'),
        ('sending', 'undelivered'), ('sending', 'unknown'),
        ('retry_wait', 'accepted'), ('retry_wait', 'cancelled'), ('retry_wait', 'claimed'),
        ('retry_wait', 'delivered'), ('retry_wait', 'expired'), ('retry_wait', 'undelivered'),
        ('retry_wait', 'unknown'),
        ('accepted', 'delivered'), ('accepted', 'undelivered'),
        ('delivered', 'undelivered'),
        ('undelivered', 'delivered'),
        ('unknown', 'accepted'), ('unknown', 'delivered'), ('unknown', 'failed'), ('unknown', 'retry_wait'),
        ('unknown', 'undelivered')
    ) THEN
        RAISE EXCEPTION 'a message cannot go from % to %', OLD.state, NEW.state USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER campaigns_message_next BEFORE UPDATE OF state ON campaigns_message
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION campaigns_message_transition();
"""

BACKWARD = """
DROP TRIGGER campaigns_message_next ON campaigns_message;
DROP FUNCTION campaigns_message_transition();
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
