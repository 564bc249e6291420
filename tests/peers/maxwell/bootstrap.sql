-- Tables that Maxwell bootstraps and rowtap copies. One statement a line.
CREATE DATABASE boot CHARACTER SET utf8mb4;
USE boot;
SET NAMES utf8mb4, time_zone = '+00:00';
CREATE TABLE a (Id INT, part VARCHAR(10), n BIGINT UNSIGNED, d DECIMAL(10,2), f DOUBLE, t DATETIME(3), s TIMESTAMP(6) NULL, day DATE, y YEAR, e ENUM('x', 'y'), l SET('p', 'q'), b VARBINARY(5), j JSON, c TEXT, PRIMARY KEY (Id, part));
INSERT INTO a VALUES (1, 'ä', 18446744073709551615, 1.50, 0.1, '2024-02-29 12:34:56.789', '2024-02-29 12:34:56.789012', '2024-02-29', 2024, 'x', 'p,q', 0x00FF, '{"k": [1, null]}', 'text "quoted"'), (2, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (3, 'z', 0, -0.01, -1e100, '1000-01-01 00:00:00', '1970-01-01 00:00:01', '9999-12-31', 1901, 'y', '', '', '[]', '');
CREATE TABLE bare (v INT);
INSERT INTO bare VALUES (1), (NULL);
CREATE TABLE `empty` (id INT PRIMARY KEY);
