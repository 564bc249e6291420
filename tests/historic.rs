//! Mistakes that readers of binlogs have made, and the tests by which rowtap does not make them.
//!
//! Each line is a mistake that was made in the field, by a replica, a reader in another language or a server's own tool.
//! Behind it stand the tests that would fail if it were made here; a test below holds the table to the sources.
//!
//! | mistake | tests |
//! |---|---|
//! | a negative MEDIUMINT becomes a large number, an unsigned integer a negative one | `mediumint_is_what_was_stored`, `integers_of_every_width_keep_their_sign`, `mysql_9_7_under_every_setting` |
//! | YEAR 0000 becomes 1900 | `bits_are_big_endian_and_years_begin_at_zero` |
//! | the fraction of a negative TIME underflows, the sign of one near zero is lost, hours over 255 wrap | `negative_times_borrow_from_their_fraction`, `times_print_what_was_packed`, `mariadb_11_8_under_every_setting` |
//! | a fraction of few digits is taken for microseconds | `timestamps_print_what_a_calendar_says`, `datetimes_print_what_a_peer_reads` |
//! | zero and partial dates, and dates before 1970, are made into others | `dates_keep_their_zeros`, `a_datetime_may_be_zero_or_partial_and_never_out_of_range` |
//! | a TIMESTAMP is told in the time zone of the machine, or ends in 2038 | `timestamps_are_moments_in_utc_to_2106` |
//! | the highest bit of BIT(64), SET(64) or BIGINT UNSIGNED is a sign | `mysql_9_7_under_every_setting`, `integers_of_every_width_keep_their_sign` |
//! | the two bytes of BIT's metadata, or those of ENUM and SET, are swapped | `metadata_is_unpacked_by_type`, `types_take_their_widths_from_the_metadata` |
//! | ENUM's error value and numbers without a label end the reader | `labels_go_by_number_and_an_unknown_number_is_an_error` |
//! | DECIMAL loses its sign, a leading zero or its scale; a scale above the precision ends the process | `known_bytes_give_known_digits`, `digits_come_back_and_a_peer_agrees`, `metadata_that_a_type_cannot_have_is_refused` |
//! | BINARY loses zeros at its end | `binary_gets_its_zeros_back` |
//! | text is taken for UTF-8 whatever its character set, labels too | `every_code_reads_as_mysql_converts_it`, `every_code_reads_as_mariadb_converts_it`, `labels_are_decoded_from_the_columns_character_set` |
//! | CHAR of more than 255 bytes hides the upper bits of its length in its type | `types_take_their_widths_from_the_metadata`, `metadata_is_unpacked_by_type` |
//! | BLOB lengths of one to four bytes are read as one width | `types_take_their_widths_from_the_metadata`, `a_value_that_is_cut_is_an_error` |
//! | a last row of NULLs is lost, a byte behind the last row ends the process | `rows_are_counted_and_a_cut_row_is_an_error`, `null_bits_count_present_columns_only`, `images_written_by_the_rule_are_walked_to_their_end` |
//! | a geometry or a column type that is unknown ends the process | `mysql_9_7_under_every_setting`, `a_type_that_is_unknown_is_refused_by_its_number` |
//! | invisible, generated and hidden columns shift the others | `mysql_9_7_under_every_setting`, `mariadb_11_8_under_every_setting` |
//! | signs are counted over all columns instead of the numbers, YEAR among them or not | `numbers_count_year_and_text_counts_what_the_family_counts`, `table_maps_say_of_columns_what_information_schema_says` |
//! | metadata of absent columns is not passed over, so that a minimal image takes its neighbour's | `mysql_9_7_under_every_setting`, `mariadb_10_11_under_every_setting` |
//! | a field of a table map is read past its length, or a new one ends the reader | `a_field_that_does_not_fit_the_columns_is_refused`, `a_field_of_later_servers_is_passed_over_by_its_length` |
//! | the exceptions from the default collation are counted over other columns than text | `a_default_collation_has_exceptions_by_index_among_text_columns` |
//! | labels are given to the next ENUM instead of their own | `labels_and_numbers_belong_to_the_columns_of_their_type` |
//! | a table map with a long name, short metadata or 2^60 columns runs past its end | `names_end_in_a_zero_and_columns_have_a_limit`, `a_table_map_is_read_and_every_cut_of_its_fixed_part_is_an_error`, `every_unsound_file_ends_with_its_place_its_event_and_what_was_expected` |
//! | a table map of before a reconnect, a rotation or a DDL is used on | `a_rows_event_without_its_table_map_stops`, `only_the_same_bytes_are_the_same_table_map` |
//! | a table that was dropped since shifts the rows of another | `a_definition_read_later_serves_where_no_ddl_on_the_table_stands_in_between`, `a_ddl_on_the_table_in_between_stops_the_stream_before_its_rows` |
//! | extra row information of partitions and NDB is read as rows | `extra_row_information_is_passed_by`, `partitions_tags_and_foreign_keys_are_read_as_they_are_written` |
//! | JSON's inlined literals, offsets, opaque values, lengths over 127, strings with a zero byte or empty documents are misread | `documents_print_as_they_were_and_a_peer_agrees`, `opaque_values_print_as_the_server_prints_them`, `an_empty_value_is_the_null_literal`, `nesting_and_overlap_have_limits` |
//! | a kind of event that is unknown ends the reader, or vanishes although it matters | `a_kind_that_is_unknown_is_passed_over_and_counted_if_it_may_be`, `an_incident_stops_the_stream_wherever_it_stands` |
//! | Aurora's padding is read as what follows it | `a_kind_that_is_unknown_is_passed_over_and_counted_if_it_may_be` |
//! | a compressed transaction is left out without a word | `compressed_transactions_of_mysql_give_the_same_rows`, `a_compressed_transaction_gives_the_same_rows_and_counts_the_events_in_it` |
//! | a checkpoint is taken inside a compressed transaction | `a_compressed_transaction_that_was_spilled_is_read_from_there`, `until_ends_where_it_was_told` |
//! | a large transaction takes all memory, and keeps it | `large_events_of_mysql_arrive_whole`, `a_large_compressed_transaction_is_unpacked_as_it_comes`, `a_large_packet_leaves_no_large_buffer_behind` |
//! | the stated length of what is packed is believed | `a_payload_that_lies_or_holds_what_it_cannot_is_refused`, `a_packed_part_that_lies_is_refused`, `a_bomb_stops_at_the_length_it_announces` |
//! | MariaDB's compressed events are unknown | `compressed_events_of_mariadb_give_the_same_rows`, `compressed_events_of_mariadb_are_what_they_are_when_unpacked` |
//! | a rows event in pieces is unknown | `a_rows_event_in_pieces_is_put_together`, `pieces_that_are_missing_or_out_of_order_or_of_another_size_are_refused` |
//! | a position of 0 inside MariaDB's groups is taken for an artificial event | `events_without_a_position_are_counted`, `binlogs_of_the_moment_are_listed_as_mysqlbinlog_lists_them` |
//! | a GTID list of several domains is read as one | `gtids_are_those_that_mysqlbinlog_lists`, `mariadb_positions_are_read_and_written_as_the_server_does` |
//! | a GTID set is off by one, closes a gap, forgets a tag or replaces a domain | `sets_of_mysql_are_canonical_and_compare_and_subtract_as_the_server_does_it`, `union_and_subset_agree_with_sets_of_numbers` |
//! | a GTID counts when its group begins, or does not count when its rows are filtered | `a_filtered_group_moves_the_checkpoint`, `a_group_without_its_end_is_held` |
//! | a position beyond 4 GiB wraps | `positions_beyond_4_gib_are_told_in_full`, `positions_go_on_in_64_bits_where_the_header_wraps` |
//! | a heartbeat that is cut or of version 2 ends the reader, or moves it | `a_heartbeat_of_version_2_holds_64_bits_and_every_prefix_is_an_error`, `heartbeats_move_a_stream_that_skips_and_must_agree_with_any_other` |
//! | a rotation's name is believed whatever its length and letters | `names_that_could_do_harm_are_refused`, `a_rotate_names_a_file_and_a_position_and_every_short_prefix_is_an_error` |
//! | the length before a rows query is believed, although it is cut to a byte | `the_statement_is_all_that_follows_the_length`, `large_events_of_mysql_arrive_whole` |
//! | status variables of later servers shift the statement; one that is not UTF-8 ends the process | `an_unknown_code_ends_the_variables_and_not_the_event`, `every_status_variable_of_mysql_is_passed`, `every_status_variable_of_mariadb_is_passed` |
//! | the context of a statement ends the reader | `the_context_of_a_statement_is_accounted_for` |
//! | checksums are taken from the server's setting instead of the file | `checksums_that_are_switched_are_followed_from_file_to_file`, `the_first_rotate_may_come_without_a_checksum` |
//! | an event of more than 16 MiB, or the number of a compressed packet, ends the connection | `an_event_of_40_mb_arrives_whole`, `payloads_that_come_in_pieces_are_put_together`, `a_value_over_16_mib_arrives_whole_under_every_compression` |
//! | an integer of 250 or 251 is read by the wrong width | `length_encoded_integers_have_four_widths` |
//! | a count of GTIDs that is only claimed takes all memory | `claimed_counts_cost_nothing`, `every_cut_of_an_encoded_set_is_an_error` |
//! | what SHOW BINARY LOGS and SHOW MASTER STATUS say is read by column number, or under one name | `the_status_of_a_running_and_of_a_stopped_connector_is_the_servers`, `facts_are_what_the_server_says` |
//! | a backtick in a name ends the name | `any_name_is_quoted_in_a_statement`, `quotes_follow_the_events_sql_mode` |
//! | binlog.1000000 sorts before binlog.999999 | `files_compare_by_number_not_by_text`, `the_next_file_has_the_next_number` |

use std::fs;
use std::path::Path;

/// The sources below a folder, one behind the other.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_mistake_has_a_test_that_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = String::new();
    for folder in ["src", "tests"] {
        sources(&root.join(folder), &mut code);
    }
    let table = include_str!("historic.rs");
    let rows = table
        .lines()
        .filter_map(|line| line.strip_prefix("//! | ")?.split_once(" | "))
        .filter(|(mistake, _)| *mistake != "mistake");
    let mut mistakes = 0;
    for (mistake, tests) in rows {
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{mistake}: no test");
        for name in names {
            assert!(
                code.contains(&format!("fn {name}(")),
                "{mistake}: {name} is gone"
            );
        }
        mistakes += 1;
    }
    assert!(mistakes > 50, "{mistakes}");
}
