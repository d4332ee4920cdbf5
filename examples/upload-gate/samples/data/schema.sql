CREATE TABLE station (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    active BOOLEAN DEFAULT TRUE
);

CREATE TABLE reading (
    station_id INTEGER REFERENCES station (id),
    taken_at TIMESTAMP NOT NULL,
    value DOUBLE PRECISION
);

INSERT INTO station (id, name) VALUES (1, 'Old Pier'), (2, 'North Mole');

SELECT s.name, MAX(r.value) AS highest
FROM station s JOIN reading r ON r.station_id = s.id
GROUP BY s.name
ORDER BY highest DESC;
