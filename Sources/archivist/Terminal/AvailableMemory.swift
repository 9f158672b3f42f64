import Glibc

/// The memory that this process can still get.
enum AvailableMemory {
  /// The least of what the system, its control groups and the limits of the process leave; `nil` where
  /// none of them says anything.
  static func bytes() -> UInt64? {
    ([system(), limit(RLIMIT_AS, field: 0), limit(RLIMIT_DATA, field: 5)] + groups())
      .compactMap { $0 }.min()
  }

  private static func system() -> UInt64? {
    number(after: "MemAvailable:", in: "/proc/meminfo").map { $0 << 10 }
  }

  /// The rest of a limit beside what /proc/self/statm counts in this field, in pages.
  private static func limit(_ resource: __rlimit_resource, field: Int) -> UInt64? {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0,
      limit.rlim_cur != .max
    else { return nil }
    let fields = words(of: "/proc/self/statm")
    let pages = field < fields.count ? UInt64(fields[field]) ?? 0 : 0
    let used = pages * UInt64(max(0, sysconf(Int32(_SC_PAGESIZE))))
    let most = UInt64(limit.rlim_cur)
    return most > used ? most - used : 0
  }

  /// The memory that each control group of the process leaves; files that are only cached count as
  /// free.
  private static func groups() -> [UInt64?] {
    guard let line = words(of: "/proc/self/cgroup").first(where: { $0.hasPrefix("0::/") }) else {
      return []
    }
    var path = String(line.dropFirst(3))
    var found: [UInt64?] = []
    while true {
      let directory = "/sys/fs/cgroup" + path
      if let most = words(of: "\(directory)/memory.max").first.flatMap({ UInt64($0) }),
        let used = words(of: "\(directory)/memory.current").first.flatMap({ UInt64($0) })
      {
        let cached = number(after: "inactive_file", in: "\(directory)/memory.stat") ?? 0
        let held = used > cached ? used - cached : 0
        found.append(most > held ? most - held : 0)
      }
      guard let slash = path.lastIndex(of: "/"), path != "/" else { return found }
      path = slash == path.startIndex ? "/" : String(path[..<slash])
    }
  }

  private static func number(after name: String, in path: String) -> UInt64? {
    let words = words(of: path)
    guard let index = words.firstIndex(of: name), index + 1 < words.count else { return nil }
    return UInt64(words[index + 1])
  }

  /// The words of a file that the kernel writes; none if it cannot be read.
  private static func words(of path: String) -> [String] {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 14)
    while true {
      let count = unsafe read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      text += buffer[..<count]
    }
    return String(decoding: text, as: UTF8.self).split { $0.isWhitespace }.map(String.init)
  }
}
