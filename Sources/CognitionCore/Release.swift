/// Which release this is.
package enum Release {
    /// A semantic version (semver.org, 2.0.0).
    package static let version = "0.1.0"
}
