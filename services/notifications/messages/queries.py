"""The read behind a letter."""

# What a letter is made of; read when it is sent, so that nothing personal has to wait in a job.
DRAFT = """
SELECT json_build_object(
    'notice', to_json(n), 'contact', to_json(c), 'rental', to_json(r), 'centre', to_json(z),
    'categories', coalesce((
        SELECT json_agg(g) FROM category g WHERE g.category_id IN (
            SELECT r.centre || '.' || (i->>'category') FROM jsonb_array_elements(r.items) i)), '[]'))::text
FROM notice n
JOIN rental_summary r ON r.rental_id = n.about
JOIN centre z ON z.centre = n.centre
LEFT JOIN contact c ON c.resident_id = n.resident_id
WHERE n.notice_id = %(notice_id)s
"""
