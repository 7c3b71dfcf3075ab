//! Test support shared by the suites beside this file.
