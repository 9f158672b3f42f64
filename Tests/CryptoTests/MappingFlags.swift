import Glibc
import Testing

/// The kernel's two-letter flags for the mapping that holds `address`; proc_pid_smaps(5).
func mappingFlags(of address: UInt) -> [Substring] {
  guard let file = unsafe fopen("/proc/self/smaps", "r") else {
    Issue.record("/proc/self/smaps cannot be read")
    return []
  }
  defer { unsafe fclose(file) }
  var line: UnsafeMutablePointer<CChar>?
  var capacity = 0
  defer { unsafe free(line) }
  var isHere = false
  while unsafe getline(&line, &capacity, file) > 0 {
    guard let start = unsafe line else { break }
    let words = unsafe String(cString: start).split { $0 == " " || $0 == "\n" }
    guard let first = words.first else { continue }
    let bounds = first.split(separator: "-").compactMap { UInt($0, radix: 16) }
    if bounds.count == 2 {
      isHere = (bounds[0]..<bounds[1]).contains(address)
    } else if isHere, first == "VmFlags:" {
      return Array(words.dropFirst())
    }
  }
  return []
}
