//! What the cluster is asked about topics: whether they can be created, to create them, and what they are set to.

use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResourceResult, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::config::{ClientConfig, FromClientConfigAndContext as _};
use rdkafka::error::RDKafkaErrorCode;
use tokio::runtime::Handle;

use super::delivery::DeliveryContext;
use super::options::KafkaOptions;
use super::rejection;
use super::requests::{Requests, Wanted};
use crate::sink::SinkError;
use crate::state::off_the_runtime;

/// A client stays for as long after it was needed last: tables come in swarms, and so do large records.
const KEPT: Duration = Duration::from_secs(10);

/// How something is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asking {
    /// Whether nothing is to be done.
    only_asks: bool,
    /// How long the answer may take.
    wait_max: Duration,
}

impl Asking {
    /// It is to be done.
    pub(super) fn to_do(wait_max: Duration) -> Self {
        Self {
            only_asks: false,
            wait_max,
        }
    }

    /// It is only to be said whether it could be done.
    pub(super) fn whether(wait_max: Duration) -> Self {
        Self {
            only_asks: true,
            wait_max,
        }
    }

    fn options(self) -> AdminOptions {
        AdminOptions::new()
            .request_timeout(Some(self.wait_max))
            .operation_timeout(Some(self.wait_max))
            .validate_only(self.only_asks)
    }
}

/// A client for requests about topics. It leaves in the background, since its end waits for brokers that may not answer.
pub(super) struct Admin {
    /// `None` only while it is dropped.
    library: Option<AdminClient<DeliveryContext>>,
    /// What asks in its place where connections want tokens, which it never asks for.
    requests: Option<Requests>,
}

impl Admin {
    /// Makes one.
    pub(super) async fn new(
        config: ClientConfig,
        requests: Option<Requests>,
    ) -> Result<Self, SinkError> {
        off_the_runtime(move || {
            AdminClient::from_config_and_context(&config, DeliveryContext::default())
                .map(|client| Self {
                    library: Some(client),
                    requests,
                })
                .map_err(rejection::of_configuration)
        })
        .await
    }

    /// Creates topics, or asks whether they could be created. Returns those that are refused, each with the code.
    pub(super) async fn create(
        &self,
        wanted: &[&Wanted],
        asking: Asking,
    ) -> Vec<(String, RDKafkaErrorCode)> {
        if let Some(requests) = &self.requests {
            let Asking {
                only_asks,
                wait_max,
            } = asking;
            return requests.create(wanted, only_asks, wait_max).await;
        }
        let topics = wanted.iter().map(|wanted| {
            let replication = TopicReplication::Fixed(wanted.replication);
            let topic = NewTopic::new(&wanted.name, wanted.partitions, replication);
            let config = wanted.config.iter();
            config.fold(topic, |topic, (key, value)| topic.set(key, value))
        });
        let topics: Vec<NewTopic<'_>> = topics.collect();
        let asked = self.library().create_topics(&topics, &asking.options());
        match asked.await {
            Err(error) => {
                let code = error.rdkafka_error_code();
                let refused = code.map(|code| {
                    let all = wanted.iter();
                    all.map(move |wanted| (wanted.name.to_string(), code))
                });
                refused.into_iter().flatten().collect()
            }
            Ok(results) => results.into_iter().filter_map(Result::err).collect(),
        }
    }

    /// The settings of topics and brokers; of those that are refused the code.
    pub(super) async fn describe(
        &self,
        of: &[ResourceSpecifier<'_>],
        wait_max: Duration,
    ) -> Result<Vec<ConfigResourceResult>, RDKafkaErrorCode> {
        if let Some(requests) = &self.requests {
            return requests.describe(of, wait_max).await;
        }
        let options = AdminOptions::new().request_timeout(Some(wait_max));
        let described = self.library().describe_configs(of, &options).await;
        described.map_err(|error| error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail))
    }

    /// A setting of a topic; `None` where the cluster does not tell it.
    pub(super) async fn setting(
        &self,
        topic: &str,
        name: &str,
        wait_max: Duration,
    ) -> Result<Option<String>, RDKafkaErrorCode> {
        let resource = [ResourceSpecifier::Topic(topic)];
        let described = self.describe(&resource, wait_max).await?;
        let mut value = None;
        for resource in described {
            let resource = resource?;
            value = value.or(resource.get(name).and_then(|entry| entry.value.clone()));
        }
        Ok(value)
    }

    fn library(&self) -> &AdminClient<DeliveryContext> {
        let client = self.library.as_ref();
        client.expect("a client is there until it is dropped")
    }
}

/// A connector's client for requests about topics, made when it is needed.
pub(super) struct KeptAdmin {
    config: ClientConfig,
    requests: Option<Requests>,
    /// The client, and when it was needed last.
    kept: Option<(Admin, Instant)>,
}

impl KeptAdmin {
    /// For the cluster of these options; there is no client yet.
    pub(super) fn of(options: &KafkaOptions) -> Self {
        Self {
            config: options.producer(),
            requests: options.requests(),
            kept: None,
        }
    }

    /// The client.
    pub(super) async fn get(&mut self) -> Result<&Admin, SinkError> {
        let admin = match self.kept.take() {
            Some((admin, _)) => admin,
            None => Admin::new(self.config.clone(), self.requests.clone()).await?,
        };
        let (admin, _) = self.kept.insert((admin, Instant::now()));
        Ok(admin)
    }

    /// Lets go of the client, once it has not been needed for a while.
    pub(super) fn rest(&mut self) {
        self.kept.take_if(|(_, since)| since.elapsed() >= KEPT);
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        let client = self.library.take();
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || drop(client))),
            Err(_elsewhere) => drop(client),
        }
    }
}
