-- options: --binlog-annotate-row-events=ON
CREATE DATABASE shop;
USE shop;

CREATE TABLE every_type (
  id INT PRIMARY KEY AUTO_INCREMENT,
  a_tinyint TINYINT, a_smallint SMALLINT UNSIGNED, a_mediumint MEDIUMINT, a_bigint BIGINT UNSIGNED,
  a_year YEAR, an_int INT UNSIGNED NOT NULL DEFAULT 7,
  a_float FLOAT, a_double DOUBLE UNSIGNED, a_decimal DECIMAL(20,6), a_bit BIT(13),
  a_date DATE, a_time TIME(3), a_datetime DATETIME(6), a_timestamp TIMESTAMP NULL,
  a_char CHAR(255), a_binary BINARY(16), a_varchar VARCHAR(300), a_latin1 VARCHAR(40) CHARACTER SET latin1,
  a_varbinary VARBINARY(20), a_tinytext TINYTEXT, a_blob BLOB, a_mediumtext MEDIUMTEXT CHARACTER SET utf16, a_longblob LONGBLOB,
  a_point POINT, after_point VARCHAR(5) CHARACTER SET koi8r,
  an_enum ENUM('small','middle','große'), a_latin1_enum ENUM('é','ü') CHARACTER SET latin1,
  a_set SET('a','b','c','d','e','f','g','h','i'),
  a_json JSON, an_inet6 INET6, a_uuid UUID, a_squeezed VARCHAR(200) COMPRESSED, a_squeezed_text TEXT COMPRESSED,
  a_generated BIGINT AS (an_int + 1) STORED, hidden INT INVISIBLE
) DEFAULT CHARSET = utf8mb4;

INSERT INTO every_type VALUES
  (1, -128, 65535, -8388608, 18446744073709551615, 1901, 4294967295, -1.5, 2.25, '-12345678901234.567890', b'1010101010101',
   '0001-01-01', '-838:59:58.123', '9999-12-31 23:59:59.999999', '2038-01-19 03:14:07',
   'ä', x'0102', 'Grüße 🦀', 'Ÿé', x'00ff', 'tiny', x'deadbeef', 'sixteen 𝄞', REPEAT(x'fe', 300),
   POINT(1, 2), 'да', 'große', 'ü', 'a,i', '{"k": [1, 2.5, "x", null, true]}', '2001:db8::ff',
   '123e4567-e89b-12d3-a456-426655440000', REPEAT('squeeze ', 20), REPEAT('squeeze ', 50), DEFAULT),
  (2, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
   NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, DEFAULT);
UPDATE every_type SET a_tinyint = 127, a_json = '{"k": 1}', hidden = 5 WHERE id = 1;
UPDATE every_type SET id = 3 WHERE id = 2;
DELETE FROM every_type WHERE id = 3;

-- A character set a column, collations with ids over 255, and signs in every place.
CREATE TABLE texts (
  a VARCHAR(5) CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_ai_ci, b CHAR(5) CHARACTER SET latin1, c TEXT CHARACTER SET ucs2,
  d ENUM('да','нет') CHARACTER SET cp1251, e SET('x','y') CHARACTER SET utf8mb4 COLLATE utf8mb4_uca1400_as_cs, f VARBINARY(5),
  g CHAR(200) CHARACTER SET utf8mb4 NOT NULL, h ENUM('x') CHARACTER SET latin1
);
INSERT INTO texts VALUES ('a', 'b', 'c', 'да', 'x,y', 'f', 'g', 'x');
CREATE TABLE numbers (
  a INT UNSIGNED, b YEAR, c VARCHAR(1), d DECIMAL(5,2) UNSIGNED NOT NULL, e FLOAT, f BIT(1), g BIGINT UNSIGNED, h DOUBLE,
  i TINYINT UNSIGNED, j SMALLINT, k MEDIUMINT UNSIGNED, l BIT(64), m DECIMAL(65,30)
);
INSERT INTO numbers VALUES (1, 2001, 'c', 1.5, 1.5, b'1', 7, 8, 9, -10, 11, b'1', -1.5);

CREATE TABLE line (order_id BIGINT, number SMALLINT, item VARCHAR(20), PRIMARY KEY (number, order_id));
CREATE TABLE note (body TEXT, author VARCHAR(10), PRIMARY KEY (body(10)));
CREATE TABLE heap (a INT, b VARCHAR(5));
INSERT INTO line VALUES (1, 1, 'pen'), (1, 2, 'ink'), (2, 1, 'paper');
INSERT INTO note VALUES ('first', 'ann');
INSERT INTO heap VALUES (1, 'x'), (1, 'x'), (2, NULL);
ALTER TABLE heap ADD COLUMN c INT NOT NULL DEFAULT 7, RENAME COLUMN b TO name;
UPDATE heap SET c = 8 WHERE a = 1;

BEGIN;
INSERT INTO line VALUES (3, 1, 'one');
SAVEPOINT `a``b`;
UPDATE line SET item = 'two' WHERE order_id = 3;
SAVEPOINT second;
DELETE FROM heap WHERE a = 2;
ROLLBACK TO SAVEPOINT second;
INSERT INTO note VALUES ('second', 'bob');
COMMIT;
BEGIN;
INSERT INTO heap VALUES (9, 'nine', 9);
ROLLBACK;

XA START 'first', 'branch', 7;
INSERT INTO heap VALUES (3, 'xa', 3);
XA END 'first', 'branch', 7;
XA PREPARE 'first', 'branch', 7;
XA COMMIT 'first', 'branch', 7;
XA START 'second';
INSERT INTO heap VALUES (4, 'xa', 4);
XA END 'second';
XA PREPARE 'second';
XA ROLLBACK 'second';
XA START 'third';
INSERT INTO heap VALUES (5, 'xa', 5);
XA END 'third';
XA COMMIT 'third' ONE PHASE;

-- Another domain, an ALTER in two phases, a table made from a query.
SET gtid_domain_id = 5;
INSERT INTO heap VALUES (6, 'dom', 6);
SET gtid_domain_id = 0;
SET binlog_alter_two_phase = ON;
ALTER TABLE heap ADD COLUMN d INT;
SET binlog_alter_two_phase = OFF;
CREATE TABLE copy AS SELECT * FROM line;

SET binlog_row_image = MINIMAL;
UPDATE line SET item = 'quill' WHERE order_id = 1 AND number = 1;
DELETE FROM line WHERE order_id = 2;
SET binlog_row_image = NOBLOB;
UPDATE every_type SET an_int = 8;
SET binlog_row_image = FULL;

SET binlog_format = STATEMENT;
SET @word = 'variable';
INSERT INTO every_type (a_varchar) VALUES (@word);
INSERT INTO every_type (a_double) VALUES (RAND());
SET binlog_format = ROW;

-- Compressed statements and rows.
SET GLOBAL log_bin_compress = ON, GLOBAL log_bin_compress_min_len = 10;
CREATE TABLE squeezed (id INT PRIMARY KEY, body TEXT);
INSERT INTO squeezed VALUES (1, REPEAT('a', 2000)), (2, REPEAT('b', 2000));
UPDATE squeezed SET body = REPEAT('c', 3000);
DELETE FROM squeezed;
SET GLOBAL log_bin_compress = OFF;

TRUNCATE TABLE heap;
DROP TABLE heap, copy;
FLUSH BINARY LOGS;
