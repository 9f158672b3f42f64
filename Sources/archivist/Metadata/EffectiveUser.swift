import Glibc

/// Who runs the program, which does not change.
enum EffectiveUser {
  /// The number of the user.
  static let id = geteuid()

  /// Whether only this user, or root, can have made what belongs to somebody.
  static func trusts(_ owner: uid_t) -> Bool { owner == 0 || owner == id }
}
