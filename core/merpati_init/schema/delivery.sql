-- What delivery needs beside the store's and the queue's own functions.

-- Undo the caller's statement unless every placement succeeded: a message is entered for all its
-- recipients or for none. The detail names the refused ones, so that the caller can plan anew.
CREATE FUNCTION mail.require_placed(ordinals bigint[], statuses text[]) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    refused text;
BEGIN
    SELECT string_agg(o || ' ' || s, ',') INTO refused FROM unnest(ordinals, statuses) AS p (o, s) WHERE s <> 'placed';
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION 'not every recipient could be given the message' USING ERRCODE = 'MP001', DETAIL = refused;
    END IF;
    RETURN true;
END $$;
