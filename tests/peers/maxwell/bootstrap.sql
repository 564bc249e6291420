-- Tables that Maxwell bootstraps and rowtap copies. One statement a line.
CREATE DATABASE boot;
CREATE TABLE boot.a (id INT PRIMARY KEY, v VARCHAR(10), d DECIMAL(10,2));
INSERT INTO boot.a VALUES (1, 'z', 1.50), (3, 'y', 3), (10, NULL, NULL);
CREATE TABLE boot.empty (id INT PRIMARY KEY);
CREATE TABLE boot.loose (v INT);
INSERT INTO boot.loose VALUES (1), (NULL);
