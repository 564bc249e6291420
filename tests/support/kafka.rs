//! A private Kafka broker, one node in KRaft mode, and the topics and records that tests look at.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::OwnedMessage;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::private::Private;

/// How long a request may take, on a machine that others keep busy.
const REQUEST_MAX: Duration = Duration::from_secs(60);
/// How long an answer may take that can be asked for again.
const ANSWER_MAX: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(100);

/// A broker that ends when this value does, or the process. Topics exist once somebody creates them.
pub struct Kafka {
    private: Private,
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
        let private = Private::start("kafka-4.3", properties, |_, _, log| {
            log.contains("Kafka Server started")
        });
        Self { private }
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
        format!("127.0.0.1:{}", self.private.port())
    }

    /// The broker's log.
    pub fn log(&self) -> String {
        self.private.log()
    }

    /// Stops it cleanly; its topics stay for `start_again`.
    #[track_caller]
    pub fn stop(&self) {
        self.private.stop();
    }

    /// Ends it by SIGKILL.
    #[track_caller]
    pub fn kill(&self) {
        self.private.kill();
    }

    /// Lets it do nothing, though its connections stay open, until `resume`.
    pub fn pause(&self) {
        self.private.pause();
    }

    /// Lets it go on after `pause`.
    pub fn resume(&self) {
        self.private.resume();
    }

    /// Starts it after `stop` or `kill`, on the same port and with its topics.
    #[track_caller]
    pub fn start_again(&self) {
        self.private.start_again();
    }

    /// A client's configuration with nothing but the address; librdkafka's own log stays off the test's output.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.bootstrap())
            .set("log_level", "2");
        config
    }

    /// Creates a topic and returns when the broker has it.
    #[track_caller]
    pub fn create_topic(&self, name: &str, partitions: u16) {
        let admin: AdminClient<DefaultClientContext> =
            self.client().create().expect("an admin client");
        let topic = NewTopic::new(name, i32::from(partitions), TopicReplication::Fixed(1));
        let options = AdminOptions::new()
            .operation_timeout(Some(REQUEST_MAX))
            .request_timeout(Some(REQUEST_MAX));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let created = runtime
            .block_on(admin.create_topics([&topic], &options))
            .expect("the broker answers");
        assert_eq!(created, [Ok(name.to_owned())]);
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
        let consumer: BaseConsumer = self
            .client()
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

        let mut left = unread.count();
        let mut records: Vec<OwnedMessage> = Vec::new();
        let mut deadline = Instant::now() + REQUEST_MAX;
        while left > 0 {
            assert!(
                Instant::now() < deadline,
                "{left} partitions of {topic} not read within {REQUEST_MAX:?}"
            );
            match consumer.poll(POLL) {
                None => continue,
                Some(Ok(message)) => records.push(message.detach()),
                Some(Err(KafkaError::PartitionEOF(_))) => left -= 1,
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
