//! One file per format. Each reads one shape of file into the records of the domain, and knows no other.

pub mod csv;
pub mod electricity_bills_text;
pub mod rent_history_json;
