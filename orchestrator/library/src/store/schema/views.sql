-- What counts, said once. These views belong to each connection, not to the file, so that any version may define them anew.

-- Places that do not count, for whatever reason: one SELECT a reason, joined by UNION ALL.
CREATE TEMP VIEW uncounted_location AS
    SELECT path FROM left_out
    UNION ALL SELECT path FROM gone;

-- Places that count. Galleries, and with them gates, centroids and exports, know no others.
CREATE TEMP VIEW counted_location AS
    SELECT path, sha256, size, mtime_ns, vanished FROM location
    WHERE path NOT IN (SELECT path FROM uncounted_location);

-- Contents that lie somewhere, but nowhere where they would count.
CREATE TEMP VIEW uncounted_content AS
    SELECT DISTINCT sha256 FROM location
    WHERE path IN (SELECT path FROM uncounted_location)
      AND NOT EXISTS (SELECT 1 FROM counted_location WHERE counted_location.sha256 = location.sha256);
