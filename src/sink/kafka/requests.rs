//! Requests about topics where connections want tokens, which the library's client for such requests never asks for.
//!
//! A few requests of the Kafka protocol in versions without tagged fields, each on a connection of its own. Follows the Kafka
//! protocol guide.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{
    ConfigEntry, ConfigResource, ConfigResourceResult, ConfigSource, OwnedResourceSpecifier,
    ResourceSpecifier,
};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::types::RDKafkaRespErr;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::token::Tokens;
use crate::sink::web::Authorities;
use crate::state::off_the_runtime;

const DESCRIBE_CONFIGS: (i16, i16) = (32, 1);
const CREATE_TOPICS: (i16, i16) = (19, 4);
const METADATA: (i16, i16) = (3, 1);
const SASL_HANDSHAKE: (i16, i16) = (17, 1);
const SASL_AUTHENTICATE: (i16, i16) = (36, 1);
const MECHANISM: &str = "OAUTHBEARER";
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const ANSWER_BYTES_MAX: i32 = 64 << 20;

/// A topic to create.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) name: Arc<str>,
    pub(super) partitions: i32,
    /// Minus one for the broker's default.
    pub(super) replication: i32,
    pub(super) config: BTreeMap<String, String>,
}

/// Who is asked, and how it lets the connector in.
#[derive(Clone, Debug)]
pub(super) struct Requests {
    servers: String,
    tokens: Tokens,
    /// Whom to trust, where connections are encrypted.
    tls: Option<Authorities>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A connection on which the connector was let in.
struct Connection {
    stream: Box<dyn Stream>,
    correlation: i32,
}

/// What is left of an answer.
struct Answer<'a>(&'a [u8]);

impl Requests {
    /// Makes what asks these servers, by a protocol as librdkafka names it.
    pub(super) fn new(
        servers: &str,
        tokens: Tokens,
        security: Option<&str>,
        authorities: Option<&str>,
    ) -> Self {
        let is_tls = security.is_some_and(|protocol| protocol.eq_ignore_ascii_case("SASL_SSL"));
        Self {
            servers: servers.to_owned(),
            tokens,
            tls: is_tls.then(|| Authorities::of(authorities, None)),
        }
    }

    /// Creates topics, or asks whether they could be created. Returns those that are refused, each with the code.
    pub(super) async fn create(
        &self,
        wanted: &[&Wanted],
        only_asks: bool,
        wait_max: Duration,
    ) -> Vec<(String, Code)> {
        let asked = async {
            let mut connection = self.to_controller().await?;
            let body = creation(wanted, only_asks, wait_max);
            let answer = connection.call(CREATE_TOPICS, &body).await?;
            created(&answer)
        };
        match within(wait_max, asked).await {
            Ok(refused) => refused,
            Err(code) => {
                let names = wanted.iter().map(|wanted| wanted.name.to_string());
                names.map(|name| (name, code)).collect()
            }
        }
    }

    /// The settings of topics and brokers; of those that are refused the code.
    pub(super) async fn describe(
        &self,
        of: &[ResourceSpecifier<'_>],
        wait_max: Duration,
    ) -> Result<Vec<ConfigResourceResult>, Code> {
        let broker = of.iter().find_map(|resource| match resource {
            ResourceSpecifier::Broker(id) => Some(*id),
            ResourceSpecifier::Topic(_) | ResourceSpecifier::Group(_) => None,
        });
        let asked = async {
            let mut connection = match broker {
                Some(id) => self.to_broker(id).await?,
                None => self.to_any().await?,
            };
            let answer = connection.call(DESCRIBE_CONFIGS, &description(of)).await?;
            described(&answer)
        };
        within(wait_max, asked).await
    }

    async fn to_any(&self) -> Result<Connection, Code> {
        let mut last = Code::AllBrokersDown;
        for server in self.servers.split(',') {
            match self.connect(server.trim()).await {
                Ok(connection) => return Ok(connection),
                Err(code) => last = code,
            }
        }
        Err(last)
    }

    async fn to_controller(&self) -> Result<Connection, Code> {
        let (brokers, controller) = self.cluster().await?;
        self.to_one_of(&brokers, controller).await
    }

    async fn to_broker(&self, id: i32) -> Result<Connection, Code> {
        let (brokers, _) = self.cluster().await?;
        self.to_one_of(&brokers, id).await
    }

    async fn to_one_of(&self, brokers: &[(i32, String)], id: i32) -> Result<Connection, Code> {
        let broker = brokers.iter().find(|(broker, _)| *broker == id);
        let (_, address) = broker.ok_or(Code::BrokerNotAvailable)?;
        self.connect(address).await
    }

    /// The brokers' addresses by their numbers, and the number of the controller.
    async fn cluster(&self) -> Result<(Vec<(i32, String)>, i32), Code> {
        let mut connection = self.to_any().await?;
        // Of no topics.
        let answer = connection.call(METADATA, &0_i32.to_be_bytes()).await?;
        let mut answer = Answer(&answer);
        let mut brokers = Vec::new();
        for _ in 0..answer.i32()? {
            let id = answer.i32()?;
            let host = answer.text()?.unwrap_or_default();
            let port = answer.i32()?;
            answer.text()?;
            brokers.push((id, format!("{host}:{port}")));
        }
        Ok((brokers, answer.i32()?))
    }

    async fn connect(&self, address: &str) -> Result<Connection, Code> {
        let broken = |_error: io::Error| Code::BrokerTransportFailure;
        let stream = TcpStream::connect(address).await.map_err(broken)?;
        let stream: Box<dyn Stream> = match &self.tls {
            None => Box::new(stream),
            Some(authorities) => {
                let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
                let stream = authorities.secured(host, stream).await;
                Box::new(stream.map_err(|_| Code::SSL)?)
            }
        };
        let mut connection = Connection {
            stream,
            correlation: 0,
        };
        connection.come_in(&self.tokens).await?;
        Ok(connection)
    }
}

impl Connection {
    async fn come_in(&mut self, tokens: &Tokens) -> Result<(), Code> {
        let mut body = Vec::new();
        put_text(&mut body, Some(MECHANISM));
        let answer = self.call(SASL_HANDSHAKE, &body).await?;
        Answer(&answer).code()?;
        let tokens = tokens.clone();
        let token = off_the_runtime(move || tokens.token()).await;
        let token = token.map_err(|error| match error.is_transient() {
            true => Code::BrokerTransportFailure,
            false => Code::Authentication,
        })?;
        let message = format!("n,,\x01auth=Bearer {}\x01\x01", token.value());
        let mut body = Vec::new();
        put_bytes(&mut body, message.as_bytes());
        let answer = self.call(SASL_AUTHENTICATE, &body).await?;
        let mut answer = Answer(&answer);
        answer.code()?;
        answer.text()?;
        // What is sent beside success is the reason of a refusal.
        match answer.bytes()?.is_empty() {
            true => Ok(()),
            false => Err(Code::Authentication),
        }
    }

    /// Sends a request, and returns the body of its answer.
    async fn call(&mut self, (key, version): (i16, i16), body: &[u8]) -> Result<Vec<u8>, Code> {
        self.correlation += 1;
        let mut request = Vec::new();
        request.extend(key.to_be_bytes());
        request.extend(version.to_be_bytes());
        request.extend(self.correlation.to_be_bytes());
        put_text(&mut request, Some("rowtap"));
        request.extend(body);
        let mut framed = Vec::new();
        put_bytes(&mut framed, &request);
        let exchanged = async {
            self.stream.write_all(&framed).await?;
            self.stream.flush().await?;
            let length = self.stream.read_i32().await?;
            let correlation = self.stream.read_i32().await?;
            if correlation != self.correlation || !(4..=ANSWER_BYTES_MAX).contains(&length) {
                return Err(io::Error::from(io::ErrorKind::InvalidData));
            }
            let mut answer = vec![0; usize::try_from(length - 4).unwrap_or_default()];
            self.stream.read_exact(&mut answer).await?;
            Ok::<_, io::Error>(answer)
        };
        exchanged.await.map_err(|_| Code::BrokerTransportFailure)
    }
}

impl<'a> Answer<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Code> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Code::BadMessage)?;
        self.0 = rest;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Code> {
        self.take(N)?.try_into().map_err(|_| Code::BadMessage)
    }

    fn i8(&mut self) -> Result<i8, Code> {
        Ok(i8::from_be_bytes(self.fixed()?))
    }

    fn i16(&mut self) -> Result<i16, Code> {
        Ok(i16::from_be_bytes(self.fixed()?))
    }

    fn i32(&mut self) -> Result<i32, Code> {
        Ok(i32::from_be_bytes(self.fixed()?))
    }

    fn text(&mut self) -> Result<Option<String>, Code> {
        let Ok(length) = usize::try_from(self.i16()?) else {
            return Ok(None);
        };
        Ok(Some(
            String::from_utf8_lossy(self.take(length)?).into_owned(),
        ))
    }

    fn bytes(&mut self) -> Result<&'a [u8], Code> {
        let length = usize::try_from(self.i32()?).unwrap_or_default();
        self.take(length)
    }

    /// A code that says that all is well.
    fn code(&mut self) -> Result<(), Code> {
        match self.i16()? {
            0 => Ok(()),
            code => Err(code_of(code)),
        }
    }
}

async fn within<T>(
    wait_max: Duration,
    asked: impl Future<Output = Result<T, Code>>,
) -> Result<T, Code> {
    let answered = tokio::time::timeout(wait_max, asked).await;
    answered.unwrap_or(Err(Code::RequestTimedOut))
}

fn code_of(code: i16) -> Code {
    RDKafkaRespErr::try_from(i32::from(code)).map_or(Code::Unknown, Code::from)
}

fn put_text(out: &mut Vec<u8>, text: Option<&str>) {
    let length = text.map_or(-1, |text| i16::try_from(text.len()).unwrap_or(i16::MAX));
    out.extend(length.to_be_bytes());
    out.extend(text.unwrap_or_default().as_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_count(out, bytes.len());
    out.extend(bytes);
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend(i32::try_from(count).unwrap_or(i32::MAX).to_be_bytes());
}

fn creation(wanted: &[&Wanted], only_asks: bool, wait_max: Duration) -> Vec<u8> {
    let mut body = Vec::new();
    put_count(&mut body, wanted.len());
    for topic in wanted {
        put_text(&mut body, Some(&topic.name));
        body.extend(topic.partitions.to_be_bytes());
        let replication = i16::try_from(topic.replication).unwrap_or(i16::MAX);
        body.extend(replication.to_be_bytes());
        put_count(&mut body, 0);
        put_count(&mut body, topic.config.len());
        for (key, value) in &topic.config {
            put_text(&mut body, Some(key));
            put_text(&mut body, Some(value));
        }
    }
    put_count(
        &mut body,
        usize::try_from(wait_max.as_millis()).unwrap_or(usize::MAX),
    );
    body.push(u8::from(only_asks));
    body
}

fn created(answer: &[u8]) -> Result<Vec<(String, Code)>, Code> {
    let mut answer = Answer(answer);
    answer.i32()?;
    let mut refused = Vec::new();
    for _ in 0..answer.i32()? {
        let name = answer.text()?.unwrap_or_default();
        let code = answer.code();
        answer.text()?;
        refused.extend(code.err().map(|code| (name, code)));
    }
    Ok(refused)
}

fn description(of: &[ResourceSpecifier<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    put_count(&mut body, of.len());
    for resource in of {
        let (kind, name) = match resource {
            ResourceSpecifier::Topic(name) | ResourceSpecifier::Group(name) => {
                (TOPIC, (*name).to_owned())
            }
            ResourceSpecifier::Broker(id) => (BROKER, id.to_string()),
        };
        body.extend(kind.to_be_bytes());
        put_text(&mut body, Some(&name));
        // All of its settings.
        body.extend((-1_i32).to_be_bytes());
    }
    // Without synonyms.
    body.push(0);
    body
}

fn described(answer: &[u8]) -> Result<Vec<ConfigResourceResult>, Code> {
    let mut answer = Answer(answer);
    answer.i32()?;
    let mut all = Vec::new();
    for _ in 0..answer.i32()? {
        let code = answer.code();
        answer.text()?;
        let kind = answer.i8()?;
        let name = answer.text()?.unwrap_or_default();
        let mut entries = Vec::new();
        for _ in 0..answer.i32()? {
            entries.push(entry(&mut answer)?);
        }
        let specifier = match kind {
            BROKER => OwnedResourceSpecifier::Broker(name.parse().unwrap_or(-1)),
            _topic => OwnedResourceSpecifier::Topic(name),
        };
        all.push(code.map(|()| ConfigResource { specifier, entries }));
    }
    Ok(all)
}

fn entry(answer: &mut Answer<'_>) -> Result<ConfigEntry, Code> {
    /// Where a setting comes from, as the protocol numbers it.
    const OF_TOPIC: i8 = 1;
    const DEFAULT: i8 = 5;
    let name = answer.text()?.unwrap_or_default();
    let value = answer.text()?;
    let is_read_only = answer.i8()? != 0;
    let source = answer.i8()?;
    let is_sensitive = answer.i8()? != 0;
    for _ in 0..answer.i32()? {
        answer.text()?;
        answer.text()?;
        answer.i8()?;
    }
    Ok(ConfigEntry {
        name,
        value,
        source: match source {
            OF_TOPIC => ConfigSource::DynamicTopic,
            2 => ConfigSource::DynamicBroker,
            3 => ConfigSource::DynamicDefaultBroker,
            4 => ConfigSource::StaticBroker,
            DEFAULT => ConfigSource::Default,
            _other => ConfigSource::Unknown,
        },
        is_read_only,
        is_default: source == DEFAULT,
        is_sensitive,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_ends_early_is_an_error_wherever_it_does() {
        let mut whole = vec![0; 4];
        put_count(&mut whole, 1);
        whole.extend(0_i16.to_be_bytes());
        put_text(&mut whole, None);
        whole.push(2);
        put_text(&mut whole, Some("shop"));
        put_count(&mut whole, 1);
        put_text(&mut whole, Some("cleanup.policy"));
        put_text(&mut whole, Some("compact"));
        whole.extend([0, 1, 0]);
        put_count(&mut whole, 0);
        let resources = described(&whole).unwrap();
        let resource = resources[0].as_ref().unwrap();
        let policy = resource.get("cleanup.policy").unwrap();
        assert_eq!(policy.value.as_deref(), Some("compact"));
        for end in 0..whole.len() {
            assert!(described(&whole[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn a_refused_topic_is_told_with_its_code() {
        let mut answer = vec![0; 4];
        put_count(&mut answer, 2);
        for (name, code) in [("a", 0_i16), ("b", 36)] {
            put_text(&mut answer, Some(name));
            answer.extend(code.to_be_bytes());
            put_text(&mut answer, Some("told"));
        }
        let refused = created(&answer).unwrap();
        assert_eq!(refused, [("b".to_owned(), Code::TopicAlreadyExists)]);
    }
}
