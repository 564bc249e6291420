//! The event header, and event types by number.
//!
//! Follows `libs/mysql/binlog/event/binlog_event.h` (MySQL) and `sql/log_event.h` (MariaDB).
