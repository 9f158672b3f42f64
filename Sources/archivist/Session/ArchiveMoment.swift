import ChunkStore
import LinuxSystem
import StoreCrypto

/// An archive named by a time: `@10d`, `web-*@2026-11-01`.
///
/// In front of the `@` stands a shell pattern for names; without one, all archives are meant, as
/// long as they are of one machine.
struct ArchiveMoment {
  private let pattern: [UInt8]
  private let time: [UInt8]
  private let text: [UInt8]

  /// Takes apart what stands behind `::`; `nil` if no time is in it.
  ///
  /// - Throws: `TimeSelector.NotATime` if it begins with an `@`, which no name does.
  init?(_ text: [UInt8]) throws(TimeSelector.NotATime) {
    guard let at = text.lastIndex(of: UInt8(ascii: "@")) else { return nil }
    pattern = Array(text[..<at])
    time = Array(text[(at + 1)...])
    self.text = text
    do throws(TimeSelector.NotATime) {
      _ = try TimeSelector.bound(time, now: SystemClock.now)
    } catch {
      // Behind an @ within a name, it is another name.
      if pattern.isEmpty { throw error }
      return nil
    }
  }

  /// The newest of the archives that match and were begun by that time.
  ///
  /// - Parameters:
  ///   - archives: All that there are, in the order of their start.
  ///   - now: What the time is relative to.
  /// - Returns: The archive.
  /// - Throws: `CommandFailure` if there is none, or it is not clear which one is meant.
  func choose(from archives: [Archive], now: Timestamp) throws -> Archive {
    let bound = try TimeSelector.bound(time, now: now)
    var candidates = archives
    if !pattern.isEmpty {
      let glob = try Glob(pattern, style: .shell)
      candidates = candidates.filter { glob.matches(Array($0.name.utf8)) }
    }
    let until = TimeText.rfc3339(CivilTime(bound, in: .local))
    guard !candidates.isEmpty else {
      throw CommandFailure(
        pattern.isEmpty
          ? "there are no archives" : "no archive has a name that matches \(name: pattern)",
        status: .failure(.archiveMissing))
    }
    let oldest = candidates[0]
    candidates = candidates.filter { $0.start <= bound }
    guard let newest = candidates.last else {
      throw CommandFailure(
        "no archive before \(until); the oldest is "
          + "\(name: Array(oldest.name.utf8)), of \(TimeText.rfc3339(CivilTime(oldest.start, in: .local)))",
        status: .failure(.archiveMissing))
    }
    if pattern.isEmpty { try demandOneMachine(candidates) }
    let equal = candidates.filter { $0.start == newest.start }
    guard equal.count == 1 else {
      throw CommandFailure(
        "\(name: text): \(equal.count) archives were begun at the same time: say which one by "
          + "id:\(equal.map { String($0.id.hex.prefix(16)) }.joined(separator: " or id:"))",
        status: .failure(.archiveMissing))
    }
    return newest
  }

  /// The newest of all would be any machine's.
  private func demandOneMachine(_ candidates: [Archive]) throws {
    let hosts = Set(candidates.map { Array($0.manifest.hostname.utf8) })
    guard hosts.count > 1 else { return }
    let names = hosts.sorted { $0.lexicographicallyPrecedes($1) }.prefix(5)
      .map { String(decoding: NameText.display($0), as: UTF8.self) }
    throw CommandFailure(
      "the archives are of several machines (\(names.joined(separator: ", "))): say whose is meant "
        + "by a pattern in front of the @, as in \(name: Array(names[0].utf8))-*\(name: text), or "
        + "write *\(name: text) for the newest of all",
      status: .failure(.archiveMissing))
  }
}
