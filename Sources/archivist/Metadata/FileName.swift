/// One name inside a directory.
///
/// Never empty, never `.` or `..`, without `/` and without NUL: joined to a directory's descriptor
/// it reaches an entry of that directory, and nothing else.
struct FileName: Hashable, Sendable {
  /// The name and a NUL, so that system calls take it as it stands.
  let terminated: [UInt8]

  /// Takes a name; `nil` if it could reach beyond one directory.
  init?(_ name: some Collection<UInt8>) {
    let dot = UInt8(ascii: ".")
    guard !name.isEmpty, !name.contains(0), !name.contains(UInt8(ascii: "/")),
      name.count > 2 || !name.allSatisfy({ $0 == dot })
    else { return nil }
    self.init(unchecked: name)
  }

  private init(unchecked name: some Collection<UInt8>) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(name.count + 1)
    bytes.append(contentsOf: name)
    bytes.append(0)
    terminated = bytes
  }

  /// The name `.`: the directory itself, where it is a root of a walk and has no other name.
  static let itself = FileName(unchecked: [UInt8(ascii: ".")])

  /// The name without the NUL.
  var bytes: ArraySlice<UInt8> { terminated.dropLast() }
}
