-- The workload of `scripts/bench --documents`: JSON documents, DECIMAL and text of 120 characters, in small transactions.
--
-- Each transaction has ten row images: three rows inserted by one statement, two whose text changes, one that gets another key
-- and one that is deleted. Runs on MySQL and on MariaDB, where JSON is text.

CREATE DATABASE bench CHARACTER SET utf8mb4;
USE bench;
CREATE TABLE documents (
    id BIGINT PRIMARY KEY,
    body JSON NOT NULL,
    price DECIMAL(18,4) NOT NULL,
    remark CHAR(120) NOT NULL
);

DELIMITER //
CREATE FUNCTION document(n BIGINT) RETURNS JSON DETERMINISTIC
RETURN JSON_OBJECT('name', CONCAT('customer ', n), 'city', ELT(1 + n % 3, 'Köln', 'Lyon', 'Porto'), 'weight', n / 8e0,
    'tags', JSON_ARRAY('new', 'sale', n % 10), 'active', n % 3 = 0);
//
CREATE FUNCTION remark(n BIGINT, text VARCHAR(30)) RETURNS CHAR(120) DETERMINISTIC
RETURN RPAD(CONCAT('document ', n, ' '), 120, text);
//
CREATE PROCEDURE fill(rounds INT)
BEGIN
    DECLARE n BIGINT DEFAULT 0;
    WHILE n < 3 * rounds DO
        START TRANSACTION;
        INSERT INTO documents VALUES (n, document(n), n * 1.0001, remark(n, 'opened by the branch, ')),
            (n + 1, document(n + 1), n / -7, remark(n + 1, 'opened by the branch, ')),
            (n + 2, document(n + 2), n * 123456.789, remark(n + 2, 'opened by the branch, '));
        UPDATE documents SET remark = remark(n, 'changed by the clerk, ') WHERE id BETWEEN n AND n + 1;
        UPDATE documents SET id = id + 1000000000 WHERE id = n;
        DELETE FROM documents WHERE id = n + 1;
        COMMIT;
        SET n = n + 3;
    END WHILE;
END //
DELIMITER ;
