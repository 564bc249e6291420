//! What a statement does to base tables where it names temporary ones, which hide base tables of their names from the connection
//! that made them.

use std::collections::HashMap;

use super::schemas::{Connection, Schemas};
use crate::change::statement::meaning::Meaning;
use crate::change::statement::{Action, Object, ObjectClass, Role, Statement, StatementKind};
use crate::row::TableName;

/// The statement as it is to base tables, where it names temporary ones; `None` where it names none. `schemas` is what was
/// known before it.
pub(in crate::change) fn of_base(
    statement: &Statement,
    schemas: &Schemas,
    connection: Connection,
) -> Option<Statement> {
    use StatementKind as Kind;
    let is_temporary = |name: &TableName| schemas.is_temporary(connection, name);
    let names_one = |object: &Object| {
        object.class == ObjectClass::Table
            && object.role != Role::RenamedTo
            && is_temporary(&object.name)
    };
    let mut base = statement.clone();
    match &statement.kind {
        Kind::CreateTable {
            temporary: true, ..
        }
        | Kind::Sequence {
            temporary: true, ..
        } => {
            base.objects.clear();
            base.meaning = Meaning::Plain;
        }
        _ if schemas.temporary().is_empty() => return None,
        Kind::RenameTable => base.objects = renamed(&statement.objects, schemas, connection),
        Kind::AlterTable | Kind::CreateIndex | Kind::DropIndex
            if statement.objects.first().is_some_and(names_one) =>
        {
            base.objects.clear();
            base.meaning = Meaning::Plain;
        }
        // A base table comes of it, whatever it is called.
        Kind::CreateTable { .. } => {
            let copies = |object: &Object| object.role == Role::Like && names_one(object);
            base.objects.retain(|object| !copies(object));
        }
        Kind::DropTable { .. }
        | Kind::Sequence {
            action: Action::Drop,
            ..
        } => {
            base.objects.retain(|object| !names_one(object));
        }
        _no_definition => return None,
    }
    (base != *statement).then_some(base)
}

/// The pairs of a `RENAME TABLE` that rename base tables. Each is done after those before it.
fn renamed(objects: &[Object], schemas: &Schemas, connection: Connection) -> Vec<Object> {
    let mut changed: HashMap<TableName, bool> = HashMap::new();
    let mut base = Vec::new();
    for pair in objects.chunks(2) {
        let [old, new] = pair else {
            base.extend_from_slice(pair);
            continue;
        };
        let (from, to) = (schemas.fold(&old.name), schemas.fold(&new.name));
        let known = changed.get(&from).copied();
        if known.unwrap_or_else(|| schemas.is_temporary(connection, &from)) {
            changed.insert(from, false);
            changed.insert(to, true);
        } else {
            base.extend_from_slice(pair);
        }
    }
    base
}
