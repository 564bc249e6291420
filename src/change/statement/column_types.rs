//! Column types: from the words of a statement to what information_schema prints.
//!
//! Follows the servers' `sql_yacc.yy` for the synonyms, and `field.cc` for what is printed: MySQL prints no display widths
//! since 8.0.19, but that of `TINYINT(1)` and those of `ZEROFILL`.

use super::meaning::{Kind, NamedCharset, Size};
use super::scanned::StatementContext;
use super::scanner::{Lost, Scanner};
use crate::mysql::Flavour;

const REAL_AS_FLOAT: u64 = 0x1;
const MARIADB_ORACLE: u64 = 0x200;
const MAXDB: u64 = 0x1000;
/// Without either of these modes, what is longer than its type can hold becomes another type.
pub const STRICT_MODES: u64 = 0x60_0000;

/// From this version on MySQL prints no display widths and no `year(4)`.
const MYSQL_WITHOUT_WIDTHS: u32 = 80_019;
/// From this version on MySQL makes the smallest type of `TEXT(0)`.
const MYSQL_SIZES_ZERO: u32 = 80_000;
/// From this version on MySQL prints `geomcollection`.
const MYSQL_GEOMCOLLECTION: u32 = 80_011;

const VECTOR_DIMENSIONS: u32 = 2048;

/// A type, and the character set that its words name.
pub(super) struct Typed {
    pub(super) kind: Kind,
    pub(super) charset: NamedCharset,
    pub(super) serial: bool,
}

/// The width that an integer type has on display when none is named, signed and unsigned.
struct IntegerType(&'static str, u32, u32);

impl Scanner<'_> {
    /// Reads a type with what belongs to it: length, sign, character set.
    pub(super) fn column_type(&mut self) -> Result<Typed, Lost> {
        let mut word = self.word()?.to_ascii_uppercase();
        let mut times = self.type_names();
        if self.is_mariadb() && self.eat_symbol('.')? {
            times = TypeNames::of_schema(&word).ok_or(Lost)?;
            word = self.word()?.to_ascii_uppercase();
        }
        if let Some(typed) = self.type_elsewhere(&word, times)? {
            return Ok(typed);
        }
        let kind = match word.as_str() {
            "TINYINT" | "INT1" => self.integer(&IntegerType("tinyint", 4, 3))?,
            "SMALLINT" | "INT2" => self.integer(&IntegerType("smallint", 6, 5))?,
            "MEDIUMINT" | "INT3" | "MIDDLEINT" => self.integer(&IntegerType("mediumint", 9, 8))?,
            "INT" | "INTEGER" | "INT4" => self.integer(&IntegerType("int", 11, 10))?,
            "BIGINT" | "INT8" => self.integer(&IntegerType("bigint", 20, 20))?,
            "BOOL" | "BOOLEAN" => Kind::Plain("tinyint(1)".into()),
            "SERIAL" => return Ok(self.serial()),
            "FLOAT" => self.float()?,
            "FLOAT4" => self.real("float")?,
            "DOUBLE" => {
                self.eat("PRECISION")?;
                self.real("double")?
            }
            "FLOAT8" => self.real("double")?,
            "REAL" if self.mode(REAL_AS_FLOAT) => self.real("float")?,
            "REAL" => self.real("double")?,
            "DECIMAL" | "DEC" | "NUMERIC" | "FIXED" => self.decimal()?,
            "BIT" => self.sized("bit", Some(1))?,
            "YEAR" => self.year()?,
            "DATE" => Kind::Plain("date".into()),
            "TIME" => Kind::Plain(self.fraction("time")?),
            "DATETIME" => Kind::Plain(self.fraction("datetime")?),
            "TIMESTAMP" => Kind::Timestamp {
                printed: self.fraction("timestamp")?,
            },
            "BINARY" => self.sized("binary", Some(1))?,
            "VARBINARY" => self.sized("varbinary", None)?,
            "TINYBLOB" => Kind::Plain("tinyblob".into()),
            "MEDIUMBLOB" => Kind::Plain("mediumblob".into()),
            "LONGBLOB" => Kind::Plain("longblob".into()),
            "BLOB" => match self.length()? {
                Some(0) if self.sizes_zero() => Kind::Plain("tinyblob".into()),
                Some(length) => Kind::Plain(format!("{}blob", Size::of(length).prefix()).into()),
                None => Kind::Plain("blob".into()),
            },
            _ => return self.text_type(&word),
        };
        Ok(Typed::plain(kind))
    }

    /// The types whose names mean something else in the modes `ORACLE` and `MAXDB`; those of times may say whose they are.
    fn type_elsewhere(&mut self, word: &str, times: TypeNames) -> Result<Option<Typed>, Lost> {
        let own = self.type_names();
        let names = if matches!(word, "DATE" | "TIMESTAMP") {
            times
        } else {
            own
        };
        let kind = match (names, word) {
            (TypeNames::Oracle, "DATE") => Kind::Plain("datetime".into()),
            (TypeNames::MaxDb, "TIMESTAMP") => Kind::Plain(self.fraction("datetime")?),
            (TypeNames::Oracle, "BLOB") => match self.length()? {
                Some(length) => Kind::Plain(format!("{}blob", Size::of(length).prefix()).into()),
                None => Kind::Plain("longblob".into()),
            },
            (TypeNames::Oracle, "NUMBER") => {
                let bookmark = self.bookmark();
                if self.eat_symbol('(')? {
                    self.go_back(bookmark);
                    self.decimal()?
                } else {
                    let sign = self.sign()?;
                    Kind::Plain(format!("double{sign}").into())
                }
            }
            (TypeNames::Oracle, "RAW") => self.sized("varbinary", None)?,
            (TypeNames::Oracle, "CLOB") => {
                let charset = self.charset_attributes()?;
                return Ok(Some(Typed {
                    charset,
                    ..Typed::plain(Kind::Text { size: Size::Long })
                }));
            }
            _ => return Ok(None),
        };
        Ok(Some(Typed::plain(kind)))
    }

    /// The types with a character set, and those that few tables have.
    fn text_type(&mut self, word: &str) -> Result<Typed, Lost> {
        let mut charset = NamedCharset::Unnamed;
        let kind = match word {
            "CHAR" | "CHARACTER" => self.character()?,
            "VARCHAR" | "VARCHARACTER" => self.varying()?,
            "VARCHAR2" if self.is_mariadb() => self.varying()?,
            "NCHAR" | "NATIONAL" | "NVARCHAR" => {
                charset = NamedCharset::Named("utf8mb3".into());
                self.national(word)?
            }
            "LONG" => {
                if self.eat("VARBINARY")? {
                    return Ok(Typed::plain(Kind::Plain("mediumblob".into())));
                }
                if self.eat_any(&["CHAR", "CHARACTER"])? {
                    self.expect("VARYING")?;
                } else {
                    self.eat_any(&["VARCHAR", "VARCHARACTER"])?;
                }
                Kind::Text { size: Size::Medium }
            }
            "TINYTEXT" => Kind::Text { size: Size::Tiny },
            "MEDIUMTEXT" => Kind::Text { size: Size::Medium },
            "LONGTEXT" => Kind::Text { size: Size::Long },
            "TEXT" => match self.length()? {
                Some(0) if self.sizes_zero() => Kind::Text { size: Size::Tiny },
                Some(length) => Kind::TextOf { length },
                None => Kind::Text { size: Size::Plain },
            },
            "ENUM" => Kind::Enum {
                labels: self.labels()?,
            },
            "SET" => Kind::Set {
                labels: self.labels()?,
            },
            "JSON" if self.is_mariadb() => Kind::JsonText,
            "JSON" => return Ok(Typed::plain(Kind::Plain("json".into()))),
            _ => return Ok(Typed::plain(self.rare_type(word)?)),
        };
        let named = self.charset_attributes()?;
        let binary = named == NamedCharset::Named("binary".into());
        if charset == NamedCharset::Unnamed {
            charset = named;
        } else if binary {
            return Err(Lost);
        }
        Ok(Typed {
            kind,
            charset,
            serial: false,
        })
    }

    fn rare_type(&mut self, word: &str) -> Result<Kind, Lost> {
        let printed = match word {
            "GEOMETRY" | "POINT" | "LINESTRING" | "POLYGON" | "MULTIPOINT" | "MULTILINESTRING"
            | "MULTIPOLYGON" => word.to_ascii_lowercase(),
            "GEOMETRYCOLLECTION" | "GEOMCOLLECTION" => {
                let context = self.context();
                let short =
                    context.flavour == Flavour::MySql && context.version >= MYSQL_GEOMCOLLECTION;
                if short {
                    "geomcollection".to_owned()
                } else {
                    "geometrycollection".to_owned()
                }
            }
            "VECTOR" => {
                let default = (!self.is_mariadb()).then_some(VECTOR_DIMENSIONS);
                return self.sized("vector", default);
            }
            "INET4" | "INET6" | "UUID" if self.is_mariadb() => word.to_ascii_lowercase(),
            _ => return Err(Lost),
        };
        Ok(Kind::Plain(printed.into()))
    }

    // ---- numbers ---------------------------------------------------------------------------------------------------

    fn serial(&self) -> Typed {
        let printed = match self.prints_widths() {
            true => "bigint(20) unsigned",
            false => "bigint unsigned",
        };
        Typed {
            serial: true,
            ..Typed::plain(Kind::Plain(printed.into()))
        }
    }

    fn integer(&mut self, IntegerType(name, signed, unsigned): &IntegerType) -> Result<Kind, Lost> {
        let width = self.width()?;
        let sign = self.sign()?;
        let default = if sign.unsigned { *unsigned } else { *signed };
        let shown = if self.prints_widths() || sign.zerofill {
            Some(width.unwrap_or(default))
        } else {
            // A BOOL for clients.
            (*name == "tinyint" && width == Some(1) && !sign.unsigned).then_some(1)
        };
        let printed = match shown {
            Some(width) => format!("{name}({width}){sign}"),
            None => format!("{name}{sign}"),
        };
        Ok(Kind::Plain(printed.into()))
    }

    /// `(n)` of an integer; that of 0 means the default to some servers and 0 to others.
    fn width(&mut self) -> Result<Option<u32>, Lost> {
        match self.length()? {
            None => Ok(None),
            Some(width @ 1..=255) => Ok(u32::try_from(width).ok()),
            Some(_) => Err(Lost),
        }
    }

    fn float(&mut self) -> Result<Kind, Lost> {
        let bookmark = self.bookmark();
        let Some(precision) = self.length().unwrap_or(None) else {
            self.go_back(bookmark);
            return self.real("float");
        };
        let name = match precision {
            0..=24 => "float",
            25..=53 => "double",
            _ => return Err(Lost),
        };
        let sign = self.sign()?;
        Ok(Kind::Plain(format!("{name}{sign}").into()))
    }

    fn real(&mut self, name: &str) -> Result<Kind, Lost> {
        let digits = match self.eat_symbol('(')? {
            false => String::new(),
            true => {
                let precision = self.number()?;
                self.symbol(',')?;
                let scale = self.number()?;
                self.symbol(')')?;
                format!("({precision},{scale})")
            }
        };
        let sign = self.sign()?;
        Ok(Kind::Plain(format!("{name}{digits}{sign}").into()))
    }

    fn decimal(&mut self) -> Result<Kind, Lost> {
        let (mut precision, mut scale) = (10, 0);
        if self.eat_symbol('(')? {
            precision = self.number()?;
            if self.eat_symbol(',')? {
                scale = self.number()?;
            }
            self.symbol(')')?;
        }
        if precision == 0 {
            precision = 10;
        }
        let sign = self.sign()?;
        Ok(Kind::Plain(
            format!("decimal({precision},{scale}){sign}").into(),
        ))
    }

    fn year(&mut self) -> Result<Kind, Lost> {
        let width = self.length()?.unwrap_or(4);
        self.sign()?;
        let printed = match (self.is_mariadb(), width) {
            (true, 2) => "year(2)",
            (true, _) => "year(4)",
            (false, _) if self.prints_widths() => "year(4)",
            (false, _) => "year",
        };
        Ok(Kind::Plain(printed.into()))
    }

    fn sign(&mut self) -> Result<Sign, Lost> {
        let mut sign = Sign::default();
        loop {
            if self.eat("UNSIGNED")? {
                sign.unsigned = true;
            } else if self.eat("ZEROFILL")? {
                (sign.unsigned, sign.zerofill) = (true, true);
            } else if !self.eat("SIGNED")? {
                return Ok(sign);
            }
        }
    }

    // ---- text ------------------------------------------------------------------------------------------------------

    fn character(&mut self) -> Result<Kind, Lost> {
        match self.eat("VARYING")? {
            true => self.varying(),
            false => self.fixed(),
        }
    }

    fn fixed(&mut self) -> Result<Kind, Lost> {
        let length = self.length()?.unwrap_or(1);
        let length = u32::try_from(length).map_err(|_| Lost)?;
        Ok(Kind::Char { length })
    }

    fn varying(&mut self) -> Result<Kind, Lost> {
        let length = self.length()?.ok_or(Lost)?;
        let length = u32::try_from(length).map_err(|_| Lost)?;
        Ok(Kind::VarChar { length })
    }

    /// What follows `NCHAR`, `NATIONAL` or `NVARCHAR`.
    fn national(&mut self, word: &str) -> Result<Kind, Lost> {
        match word {
            "NVARCHAR" => return self.varying(),
            "NATIONAL" => {
                if self.eat_any(&["VARCHAR", "VARCHARACTER"])? {
                    return self.varying();
                }
                if !self.eat_any(&["CHAR", "CHARACTER"])? {
                    return Err(Lost);
                }
            }
            _ => {
                if self.eat_any(&["VARCHAR", "VARCHARACTER"])? {
                    return self.varying();
                }
            }
        }
        self.character()
    }

    // ---- lengths ---------------------------------------------------------------------------------------------------

    fn sized(&mut self, name: &str, default: Option<u32>) -> Result<Kind, Lost> {
        let length = match (self.length()?, default) {
            (Some(0), _) if name == "bit" => return Err(Lost),
            (Some(length), _) => length,
            (None, Some(default)) => u64::from(default),
            (None, None) => return Err(Lost),
        };
        if name == "varbinary" && length > 65_535 && self.context().sql_mode & STRICT_MODES == 0 {
            return Ok(Kind::Plain(
                format!("{}blob", Size::of(length).prefix()).into(),
            ));
        }
        if name == "binary" && length > 255 || length > 65_535 {
            return Err(Lost);
        }
        Ok(Kind::Plain(format!("{name}({length})").into()))
    }

    fn fraction(&mut self, name: &str) -> Result<Box<str>, Lost> {
        match self.length()? {
            None | Some(0) => Ok(name.into()),
            Some(digits @ 1..=6) => Ok(format!("{name}({digits})").into()),
            Some(_) => Err(Lost),
        }
    }

    /// Reads `(n)` if it follows.
    fn length(&mut self) -> Result<Option<u64>, Lost> {
        if !self.eat_symbol('(')? {
            return Ok(None);
        }
        let length = self.number()?;
        self.symbol(')')?;
        Ok(Some(length))
    }

    fn number(&mut self) -> Result<u64, Lost> {
        self.word()?.parse().map_err(|_| Lost)
    }

    pub(super) fn symbol(&mut self, symbol: char) -> Result<(), Lost> {
        self.eat_symbol(symbol)?.then_some(()).ok_or(Lost)
    }

    // ---- the server ------------------------------------------------------------------------------------------------

    fn mode(&self, bit: u64) -> bool {
        self.context().sql_mode & bit != 0
    }

    pub(super) fn is_mariadb(&self) -> bool {
        self.context().flavour == Flavour::MariaDb
    }

    fn type_names(&self) -> TypeNames {
        if self.is_mariadb() && self.mode(MARIADB_ORACLE) {
            TypeNames::Oracle
        } else if self.mode(MAXDB) {
            TypeNames::MaxDb
        } else {
            TypeNames::Own
        }
    }

    /// Whether `TEXT(0)` is a type for nothing, and not one without a length.
    fn sizes_zero(&self) -> bool {
        self.context().flavour == Flavour::MySql && self.context().version >= MYSQL_SIZES_ZERO
    }

    fn prints_widths(&self) -> bool {
        let StatementContext {
            flavour, version, ..
        } = self.context();
        flavour == Flavour::MariaDb || version < MYSQL_WITHOUT_WIDTHS
    }
}

impl Typed {
    fn plain(kind: Kind) -> Self {
        Self {
            kind,
            charset: NamedCharset::Unnamed,
            serial: false,
        }
    }
}

impl Size {
    /// The smallest that holds so many bytes.
    pub fn of(bytes: u64) -> Self {
        match bytes {
            0 => Self::Plain,
            1..=0xff => Self::Tiny,
            0x100..=0xffff => Self::Plain,
            0x1_0000..=0xff_ffff => Self::Medium,
            _ => Self::Long,
        }
    }

    /// The bytes that it holds.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Tiny => 0xff,
            Self::Plain => 0xffff,
            Self::Medium => 0xff_ffff,
            Self::Long => 0xffff_ffff,
        }
    }

    /// What stands before `text` and `blob`.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Tiny => "tiny",
            Self::Plain => "",
            Self::Medium => "medium",
            Self::Long => "long",
        }
    }
}

/// Whose names of types are meant.
#[derive(Clone, Copy)]
enum TypeNames {
    Own,
    Oracle,
    MaxDb,
}

impl TypeNames {
    /// Those that MariaDB puts before a type and a dot.
    fn of_schema(name: &str) -> Option<Self> {
        match name {
            "MARIADB_SCHEMA" => Some(Self::Own),
            "ORACLE_SCHEMA" => Some(Self::Oracle),
            "MAXDB_SCHEMA" => Some(Self::MaxDb),
            _ => None,
        }
    }
}

/// The words after a number's type.
#[derive(Default)]
struct Sign {
    unsigned: bool,
    zerofill: bool,
}

impl std::fmt::Display for Sign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match (self.unsigned, self.zerofill) {
            (false, _) => "",
            (true, false) => " unsigned",
            (true, true) => " unsigned zerofill",
        })
    }
}
