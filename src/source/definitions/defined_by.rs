//! Makes sure that the server which is asked for definitions is the one that wrote the files.

use crate::source::error::SourceError;
use crate::source::server::session::Session;
use crate::source::server::{ServerOptions, statements};

/// Returns the server's `lower_case_table_names`.
///
/// # Errors
/// When it has another `server_id` than the files have, cannot be reached or does not answer.
pub async fn writer_of(options: &ServerOptions, server_id: u32) -> Result<u8, SourceError> {
    const VARIABLES: [&str; 2] = ["server_id", "lower_case_table_names"];
    let mut session = Session::open(options).await?;
    let variables = statements::variables(&mut session, &VARIABLES).await?;
    let number = |column: &'static str| {
        let found = variables.get(column).and_then(|text| text.parse().ok());
        found.ok_or_else(|| SourceError::Answer {
            statement: "SHOW GLOBAL VARIABLES".to_owned(),
            column,
        })
    };
    let found: u32 = number("server_id")?;
    if found != server_id {
        return Err(SourceError::Options(format!(
            "definitions names the server with server_id {found}, but the files are of server_id {server_id}, name the \
             server that wrote them"
        )));
    }
    Ok(u8::try_from(number("lower_case_table_names")?).unwrap_or_default())
}
