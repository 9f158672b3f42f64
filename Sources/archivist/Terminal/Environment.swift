import Glibc

/// The variables of the environment, as bytes.
struct Environment: Sendable {
  /// The value of a variable; `nil` where it is not set.
  var value: @Sendable (_ name: String) -> [UInt8]?
  /// Removes a variable, so that no child and no later reader sees it.
  var remove: @Sendable (_ name: String) -> Void
  /// Whether borg's variable counts where ours is set as well: in borg's place.
  var isBorgFirst = false

  /// The environment of this process.
  static let process = Environment(
    value: { unsafe getenv($0).map { unsafe bytes(of: $0) } },
    remove: { name in
      // The bytes would stay readable in /proc and in a core dump.
      if let value = unsafe getenv(name) { unsafe explicit_bzero(value, strlen(value)) }
      unsafe unsetenv(name)
    })

  /// The first of these variables that is set and not empty.
  func nonEmpty(_ names: String...) -> [UInt8]? {
    first(of: names).flatMap(value)
  }

  /// Which of these variables counts; `nil` if none is set, and not empty.
  func first(of names: [String]) -> String? {
    let isSet = { (name: String) in !(value(name) ?? []).isEmpty }
    return isBorgFirst
      ? names.first { $0.hasPrefix("BORG_") && isSet($0) } ?? names.first(where: isSet)
      : names.first(where: isSet)
  }
}
