//! Values that rules hide: found nowhere in what goes to a log either, in no key, header or value, and not where a record is
//! too large for its topic.

use std::fs;

use rdkafka::message::{Headers as _, Message as _};

use super::canaries::{
    but_labels, canaries, change, create, forms, search, search_folder, with_rules,
};
use super::mapping::start;
use crate::support::{Flavour, Kafka};

#[test]
fn canaries_are_found_in_no_record() {
    let flavour = Flavour::MySql97;
    let kafka = Kafka::shared();
    let (mut bench, begun) = start(flavour);
    let sink = format!(
        "type = 'kafka'\nbootstrap_servers = '{}'\nprefix = 'canaries'\npartitions = 1\n\
         compression = 'none'",
        kafka.bootstrap()
    );
    let folder = with_rules(begun.replacing("type = 'file'\nfolder = '{dir}/changes'", &sink));
    let canaries = canaries(flavour);
    create(&mut bench, &canaries);
    let once = ["run", "--once", "--http", "off", "shop.toml"];
    folder.succeeds(&once);
    change(&mut bench, flavour, &canaries);
    folder.succeeds(&once);
    bench.run("CREATE TABLE large (word VARCHAR(40) PRIMARY KEY, text LONGTEXT)");
    let file = folder.path("shop.toml");
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replace(r"cells\.worded\.word", r"cells\.(worded|large)\.word");
    fs::write(&file, text).unwrap();
    bench.run("INSERT INTO large VALUES ('Canary-Quixotic-7391', REPEAT('x', 3000000))");
    let ended = folder.run(&once);
    assert_eq!(ended.code, Some(69), "{}", ended.stderr);
    assert!(ended.stderr.contains("too large"), "{}", ended.stderr);

    let all = forms(&canaries);
    let mut count = 0;
    let topics = kafka.topics().into_iter().map(|(name, _)| name);
    for topic in topics.filter(|name| name.starts_with("canaries")) {
        for record in kafka.records(&topic) {
            let headers = record
                .headers()
                .into_iter()
                .flat_map(|headers| headers.iter());
            let headers = headers
                .filter_map(|header| header.value)
                .map(<[u8]>::to_vec);
            let parts = [record.key(), record.payload()].into_iter().flatten();
            let parts: Vec<Vec<u8>> = parts.map(<[u8]>::to_vec).chain(headers).collect();
            for part in parts {
                search(&topic, &part, &all);
            }
            count += 1;
        }
    }
    assert!(count >= 40, "{count}");
    search_folder(file.parent().unwrap(), &all, &but_labels(&all));
    println!("{count} records");
}
