//! Private Kafka brokers in KRaft mode, one or a cluster of three, and the topics and records that tests look at.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::OwnedMessage;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::deadline::wait_until;
use super::private::{Private, cache};

/// How long a request may take, on a machine that others keep busy.
const REQUEST_MAX: Duration = Duration::from_secs(60);
/// How long an answer may take that can be asked for again.
const ANSWER_MAX: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(100);

/// How long a broker may take to forget a topic.
const GONE_MAX: Duration = Duration::from_secs(120);

/// The brokers of a cluster.
const CLUSTER: usize = 3;

/// Brokers that end when this value does, or the process. Topics exist once somebody creates them.
pub struct Kafka {
    brokers: Vec<Private>,
}

impl Kafka {
    /// Starts one without topics and returns when it answers.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with broker properties like `message.max.bytes=1000`, which win over the defaults.
    #[track_caller]
    pub fn start_with(properties: &[&str]) -> Self {
        Self {
            brokers: vec![Private::start("kafka-4.3", properties, is_up)],
        }
    }

    /// Starts one with properties that its port goes into.
    #[track_caller]
    pub fn start_one(properties: impl Fn(u16) -> Vec<String>) -> Self {
        let properties = |_number: usize, ports: &[u16]| properties(ports[0]);
        Self {
            brokers: Private::start_together("kafka-4.3", 1, properties, is_up),
        }
    }

    /// Starts three of which each topic has a replica, and which take a record when two have it. `more` makes further properties
    /// of a broker, from its number and the port on which it listens.
    #[track_caller]
    pub fn start_three(more: impl Fn(usize, u16) -> Vec<String>) -> Self {
        let properties = |number: usize, ports: &[u16]| {
            let voters: Vec<String> = (1..)
                .zip(ports)
                .map(|(id, port)| format!("{id}@127.0.0.1:{}", port + 1))
                .collect();
            let mut all = vec![
                format!("node.id={}", number + 1),
                format!("controller.quorum.voters={}", voters.join(",")),
            ];
            let replicated = [
                "default.replication.factor=3",
                "min.insync.replicas=2",
                "offsets.topic.replication.factor=3",
                "transaction.state.log.replication.factor=3",
                "transaction.state.log.min.isr=2",
                "share.coordinator.state.topic.replication.factor=3",
                "share.coordinator.state.topic.min.isr=2",
            ];
            all.extend(replicated.map(str::to_owned));
            all.extend(more(number, ports[number]));
            all
        };
        let brokers = Private::start_together("kafka-4.3", CLUSTER, properties, is_up);
        let kafka = Self { brokers };
        kafka.await_in_sync();
        kafka
    }

    /// Starts one that asks for a password and for rights: `admin` with `admin-secret` has all of them, `alice` with `alice-secret`
    /// none.
    #[track_caller]
    pub fn start_with_accounts() -> Self {
        Self::start_with(&[
            "listener.security.protocol.map=PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
            "sasl.enabled.mechanisms=PLAIN",
            "sasl.mechanism.inter.broker.protocol=PLAIN",
            "inter.broker.listener.name=PLAINTEXT",
            "listener.name.plaintext.plain.sasl.jaas.config=\
         org.apache.kafka.common.security.plain.PlainLoginModule required username=\"admin\" \
         password=\"admin-secret\" user_admin=\"admin-secret\" user_alice=\"alice-secret\";",
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users=User:admin;User:ANONYMOUS",
        ])
    }

    /// The one broker that tests of this process share, each with topics of its own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Kafka> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// What a client is given as `bootstrap.servers`, the same over restarts.
    pub fn bootstrap(&self) -> String {
        let address = |broker: &Private| format!("127.0.0.1:{}", broker.port());
        let all: Vec<String> = self.brokers.iter().map(address).collect();
        all.join(",")
    }

    /// What the brokers have logged.
    pub fn log(&self) -> String {
        self.brokers.iter().map(Private::log).collect()
    }

    /// Stops all brokers cleanly; the topics stay for `start_again`.
    #[track_caller]
    pub fn stop(&self) {
        self.brokers.iter().for_each(Private::stop);
    }

    /// Ends all brokers by SIGKILL.
    #[track_caller]
    pub fn kill(&self) {
        self.brokers.iter().for_each(Private::kill);
    }

    /// Lets them do nothing, though their connections stay open, until `resume`.
    pub fn pause(&self) {
        self.brokers.iter().for_each(Private::pause);
    }

    /// Lets them go on after `pause`.
    pub fn resume(&self) {
        self.brokers.iter().for_each(Private::resume);
    }

    /// Starts them after `stop` or `kill`, on the same ports and with their topics.
    #[track_caller]
    pub fn start_again(&self) {
        Private::start_all_again(&self.brokers);
    }

    /// Ends one of the brokers by SIGKILL.
    #[track_caller]
    pub fn kill_one(&self, number: usize) {
        self.brokers[number].kill();
    }

    /// Starts that one again, and returns when it has all that the others have.
    #[track_caller]
    pub fn start_one_again(&self, number: usize) {
        self.brokers[number].start_again();
        self.await_in_sync();
    }

    /// Waits until each broker is there, and each replica has what its leader has.
    #[track_caller]
    pub fn await_in_sync(&self) {
        super::wait_until("all replicas are in sync", REQUEST_MAX, || {
            let consumer: BaseConsumer = self.client().create().expect("a consumer");
            let Ok(metadata) = consumer.fetch_metadata(None, ANSWER_MAX) else {
                return false;
            };
            let mut partitions = metadata
                .topics()
                .iter()
                .flat_map(|topic| topic.partitions());
            metadata.brokers().len() == self.brokers.len()
                && partitions.all(|partition| partition.isr().len() == partition.replicas().len())
        });
    }

    /// The number of the broker that leads a topic's first partition.
    #[track_caller]
    pub fn leader(&self, topic: &str) -> usize {
        let consumer: BaseConsumer = self.client().create().expect("a consumer");
        let metadata = consumer.fetch_metadata(Some(topic), REQUEST_MAX);
        let metadata = metadata.expect("the brokers answer");
        let leader = metadata.topics()[0].partitions()[0].leader();
        usize::try_from(leader - 1).expect("the topic has a leader")
    }

    /// Runs a program of Kafka's on the brokers, such as `kafka.admin.ConfigCommand`.
    #[track_caller]
    pub fn tool(&self, class: &str, arguments: &[&str]) {
        let ended = Command::new(cache().join("kafka-4.3/bin/kafka"))
            .env(
                "KAFKA_JVM_OPTIONS",
                "-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1",
            )
            .args([class, "--bootstrap-server", &self.bootstrap()])
            .args(arguments)
            .output()
            .expect("java is installed");
        let said = String::from_utf8_lossy(&ended.stdout);
        let complained = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{class}: {said}\n{complained}");
    }

    /// A client's configuration with nothing but the address; librdkafka's own log stays off the test's output.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.bootstrap())
            .set("log_level", "2");
        config
    }

    /// What asks the broker about topics.
    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.client().create().expect("an admin client")
    }

    /// Creates a topic and returns when the broker has it.
    #[track_caller]
    pub fn create_topic(&self, name: &str, partitions: u16) {
        self.create_topic_with(name, partitions, &[]);
    }

    /// The same, with settings such as `cleanup.policy`.
    #[track_caller]
    pub fn create_topic_with(&self, name: &str, partitions: u16, settings: &[(&str, &str)]) {
        let topic = NewTopic::new(name, i32::from(partitions), TopicReplication::Fixed(1));
        let topic = settings
            .iter()
            .fold(topic, |topic, (key, value)| topic.set(key, value));
        let admin = self.admin();
        let created = block_on(admin.create_topics([&topic], &admin_options()));
        assert_eq!(created.expect("the broker answers"), [Ok(name.to_owned())]);
    }

    /// Deletes a topic and returns when the broker has forgotten it.
    #[track_caller]
    pub fn delete_topic(&self, name: &str) {
        let admin = self.admin();
        let deleted = block_on(admin.delete_topics(&[name], &admin_options()));
        assert_eq!(deleted.expect("the broker answers"), [Ok(name.to_owned())]);
        wait_until("the topic is gone", GONE_MAX, || {
            !self.topics().iter().any(|(topic, _)| topic == name)
        });
    }

    /// The topics that exist, without Kafka's own, in order of name, each with its number of partitions.
    #[track_caller]
    pub fn topics(&self) -> Vec<(String, usize)> {
        let consumer: BaseConsumer = self.client().create().expect("a consumer");
        let metadata = consumer
            .fetch_metadata(None, REQUEST_MAX)
            .expect("the broker answers");
        let mut topics: Vec<(String, usize)> = metadata
            .topics()
            .iter()
            .filter(|topic| !topic.name().starts_with("__"))
            .map(|topic| (topic.name().to_owned(), topic.partitions().len()))
            .collect();
        topics.sort();
        topics
    }

    /// How many records a consumer of what is committed finds in the topics that begin so, the ends of transactions among
    /// them; `None` while it does not answer.
    pub fn written(&self, prefix: &str) -> Option<i64> {
        self.count(prefix, "read_committed")
    }

    /// The same, committed or not.
    pub fn logged(&self, prefix: &str) -> Option<i64> {
        self.count(prefix, "read_uncommitted")
    }

    /// Waits until Kafka has ended the transactions on topics that begin so: it says that one is committed before consumers see
    /// it everywhere. Kafka 4.3 forgets to do that where it is killed before, and started again while nobody else leads a
    /// partition: it takes the partition for deleted.
    #[track_caller]
    pub fn await_ends(&self, prefix: &str) {
        super::wait_until("Kafka has ended all transactions", REQUEST_MAX, || {
            let written = self.written(prefix);
            written.is_some() && written == self.logged(prefix)
        });
    }

    fn count(&self, prefix: &str, isolation: &str) -> Option<i64> {
        let consumer: BaseConsumer = self
            .client()
            .set("isolation.level", isolation)
            .create()
            .ok()?;
        let metadata = consumer.fetch_metadata(None, ANSWER_MAX).ok()?;
        let mut written = 0;
        for topic in metadata.topics() {
            if topic.name().starts_with(prefix) {
                for partition in topic.partitions() {
                    let watermarks =
                        consumer.fetch_watermarks(topic.name(), partition.id(), ANSWER_MAX);
                    written += watermarks.ok()?.1;
                }
            }
        }
        Some(written)
    }

    /// Every record of a topic as of now, partition after partition, each in its order; uncommitted ones left out.
    #[track_caller]
    pub fn records(&self, topic: &str) -> Vec<OwnedMessage> {
        self.records_of(&self.client(), topic)
    }

    /// Every record of the topic of this name and of those below it, as [`Kafka::records`].
    #[track_caller]
    pub fn records_below(&self, prefix: &str) -> Vec<OwnedMessage> {
        let below = format!("{prefix}.");
        let topics = self.topics().into_iter();
        let topics = topics.filter(|(topic, _)| topic == prefix || topic.starts_with(&below));
        topics.flat_map(|(topic, _)| self.records(&topic)).collect()
    }

    /// As [`Kafka::records`], by a client that the brokers let in.
    #[track_caller]
    pub fn records_of(&self, client: &ClientConfig, topic: &str) -> Vec<OwnedMessage> {
        let consumer: BaseConsumer = client
            .clone()
            .set("group.id", "rowtap-tests")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            // The end shows in an answer without records, for which the broker would wait half a second.
            .set("fetch.wait.max.ms", "10")
            .set("isolation.level", "read_committed")
            .create()
            .expect("a consumer");
        let metadata = consumer
            .fetch_metadata(Some(topic), REQUEST_MAX)
            .expect("the broker answers");
        let mut unread = TopicPartitionList::new();
        for partition in metadata
            .topics()
            .iter()
            .flat_map(|topic| topic.partitions())
        {
            unread
                .add_partition_offset(topic, partition.id(), Offset::Beginning)
                .expect("an offset");
        }
        assert!(unread.count() > 0, "topic {topic} does not exist");
        consumer.assign(&unread).expect("partitions are assigned");

        // Told once or more often.
        let mut ended = BTreeSet::new();
        let mut records: Vec<OwnedMessage> = Vec::new();
        let mut deadline = Instant::now() + REQUEST_MAX;
        while ended.len() < unread.count() {
            assert!(
                Instant::now() < deadline,
                "only partitions {ended:?} of {topic} were read within {REQUEST_MAX:?}"
            );
            match consumer.poll(POLL) {
                None => continue,
                Some(Ok(message)) => records.push(message.detach()),
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    ended.insert(partition);
                }
                // The client connects again by itself.
                Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AllBrokersDown))) => {
                    continue;
                }
                Some(Err(error)) => panic!("reading {topic}: {error}"),
            }
            deadline = Instant::now() + REQUEST_MAX;
        }
        records.sort_by_key(|record| {
            use rdkafka::Message;
            (record.partition(), record.offset())
        });
        records
    }
}

fn is_up(_folder: &Path, _port: u16, log: &str) -> bool {
    log.contains("Kafka Server started")
}

fn admin_options() -> AdminOptions {
    AdminOptions::new()
        .operation_timeout(Some(REQUEST_MAX))
        .request_timeout(Some(REQUEST_MAX))
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
        .block_on(work)
}
