-- options: --gtid-mode=OFF --enforce-gtid-consistency=OFF --binlog-checksum=NONE --binlog-row-metadata=MINIMAL --binlog-row-image=MINIMAL
CREATE DATABASE shop;
USE shop;
CREATE TABLE account (id INT PRIMARY KEY, owner VARCHAR(40), balance DECIMAL(10,2) UNSIGNED, kind ENUM('a','b')) ENGINE = InnoDB;
CREATE TABLE log (number INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, line VARCHAR(60)) ENGINE = MyISAM;
CREATE TRIGGER account_log AFTER INSERT ON account FOR EACH ROW INSERT INTO log (line) VALUES (NEW.owner);
INSERT INTO account VALUES (1, 'ann', 10.50, 'a'), (2, 'bob', 0, 'b');
UPDATE account SET balance = balance + 1 WHERE id = 1;
DELETE FROM account WHERE id = 2;

-- The rows in the table without transactions outlive the rollback.
BEGIN;
INSERT INTO account VALUES (3, 'cid', 1, 'a');
SAVEPOINT s;
INSERT INTO account VALUES (4, 'dan', 2, 'b');
ROLLBACK TO s;
UPDATE account SET owner = 'cyd' WHERE id = 3;
COMMIT;
BEGIN;
INSERT INTO account VALUES (5, 'eve', 3, 'a');
ROLLBACK;


-- One statement that changes both tables, undone in whole and in part.
BEGIN;
UPDATE account, log SET account.balance = 7, log.line = 'both' WHERE account.id = 1 AND log.number = 1;
ROLLBACK;
BEGIN;
INSERT INTO account VALUES (7, 'gus', 4, 'b');
SAVEPOINT part;
UPDATE account, log SET account.balance = 8, log.line = 'part' WHERE account.id = 1 AND log.number = 2;
ROLLBACK TO part;
INSERT INTO account VALUES (8, 'hal', 4, 'b');
COMMIT;

BEGIN;
INSERT INTO account VALUES (6, 'flo', 4, 'b');
INSERT INTO log (line) VALUES ('inside');
DELETE FROM account WHERE id = 6;
COMMIT;

-- A group that is logged although it was rolled back.
SET binlog_format = STATEMENT;
BEGIN;
INSERT INTO account VALUES (9, 'ian', 1, 'a');
SAVEPOINT kept;
INSERT INTO log (line) VALUES ('stays');
ROLLBACK TO kept;
INSERT INTO log (line) VALUES ('stays too');
ROLLBACK;
SET binlog_format = ROW;
DROP TEMPORARY TABLE IF EXISTS scratch;
FLUSH BINARY LOGS;
