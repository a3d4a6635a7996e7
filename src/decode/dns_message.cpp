// SPDX-License-Identifier: MIT
#include "decode/dns_message.hpp"

#include "decode/dns_wire.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace netlog::decode {
namespace {

using Bytes = std::span<const std::byte>;

// RFC 1035 §4.1.1
constexpr unsigned kResponse = 0x8000;
constexpr unsigned kOpcode = 0x7800;
constexpr unsigned kTruncated = 0x0200;
constexpr unsigned kRcode = 0x000F;

// IANA, Resource Record (RR) TYPEs
constexpr std::uint16_t kA = 1;
constexpr std::uint16_t kNs = 2;
constexpr std::uint16_t kCname = 5;
constexpr std::uint16_t kPtr = 12;
constexpr std::uint16_t kMx = 15;
constexpr std::uint16_t kTxt = 16;
constexpr std::uint16_t kAaaa = 28;
constexpr std::uint16_t kSrv = 33;
constexpr std::uint16_t kDname = 39;
constexpr std::uint16_t kOpt = 41;
constexpr std::uint16_t kAny = 255;
constexpr std::uint16_t kInternet = 1;  // a class

constexpr std::size_t kMaxAnswers = 32;
constexpr std::size_t kMaxAddresses = 64;
constexpr std::size_t kMaxTextBytes = 256;

struct QuestionEntry {
  std::string name;
  std::uint16_t type = 0;
  std::uint16_t of_class = 0;
};

struct Record {
  std::string owner;
  std::uint16_t type = 0;
  std::uint16_t of_class = 0;
  std::uint32_t ttl = 0;  ///< as it is in the message
  std::size_t data_at = 0;
  std::size_t data_size = 0;
};

/// Nothing at the end of what is there.
std::optional<Record> read_record(DnsReader& in) {
  Record record;
  record.owner = in.name();
  record.type = in.u16();
  record.of_class = in.u16();
  record.ttl = in.u32();
  record.data_size = in.u16();
  record.data_at = in.at();
  in.skip(record.data_size);
  return in.ok() ? std::optional{std::move(record)} : std::nullopt;
}

/// RFC 2181 §8: a TTL with the highest bit is zero.
std::uint32_t seconds_of(std::uint32_t ttl) {
  return (ttl & 0x8000'0000U) != 0 ? 0 : ttl;
}

std::optional<IpAddress> address_of(Bytes message, const Record& record) {
  IpAddress address;
  address.family = record.type == kAaaa ? Family::ipv6 : Family::ipv4;
  const bool has_address = record.type == kA || record.type == kAaaa;
  if (!has_address || record.of_class != kInternet || record.data_size != address.size()) {
    return std::nullopt;
  }
  std::memcpy(address.bytes.data(), message.subspan(record.data_at).data(), address.size());
  return address;
}

/// The strings of a TXT record, each in quotes.
std::string strings_of(DnsReader& in) {
  std::string text;
  while (in.ok() && in.remaining() > 0) {
    text += text.empty() ? "\"" : " \"";
    for (const auto byte : in.take(in.u8())) {
      if (byte == std::byte{'"'}) {
        text += '\\';
      }
      append_escaped(text, byte);
    }
    text += '"';
  }
  return text;
}

/// The numbers before a name in an MX or SRV record, each with a blank behind it.
std::string numbers_of(DnsReader& in, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += fmt::format("{} ", in.u16());
  }
  return text;
}

std::string read_data(DnsReader& in, std::uint16_t type) {
  switch (type) {
    case kNs:
    case kCname:
    case kPtr:
    case kDname:
      return in.name();
    case kMx: {
      const auto preference = numbers_of(in, 1);
      return preference + in.name();
    }
    case kSrv: {
      const auto priority_weight_port = numbers_of(in, 3);
      return priority_weight_port + in.name();
    }
    case kTxt:
      return strings_of(in);
    default:
      return {};
  }
}

/// The data as text; `\# LENGTH` as in RFC 3597 §5, but without the bytes, if its form is not
/// known.
std::string text_of(Bytes message, const Record& record) {
  if (const auto address = address_of(message, record)) {
    return to_string(*address);
  }
  DnsReader in{message.first(record.data_at + record.data_size), record.data_at};
  const auto text = read_data(in, record.type);
  const bool is_read = in.ok() && in.remaining() == 0 && !text.empty();
  return is_read ? cut_escaped(text, kMaxTextBytes) : fmt::format("\\# {}", record.data_size);
}

/// The name of the question and those that CNAMEs lead to from there.
class Chain {
 public:
  Chain(Bytes message, const QuestionEntry& question, const std::vector<Record>& records)
      : names_{question.name} {
    if (question.type == kCname || question.type == kAny) {
      return;  // the CNAME itself is the answer
    }
    std::vector<bool> followed(records.size());
    // Each record adds at most one name.
    for (std::size_t next = 0; next < names_.size();) {
      const auto owner = names_[next++];
      for (std::size_t at = 0; at < records.size(); ++at) {
        const auto& record = records[at];
        if (record.type == kCname && !followed[at] && record.owner == owner) {
          followed[at] = true;
          add(message, record);
        }
      }
    }
  }

  [[nodiscard]] bool has(const std::string& name) const {
    return std::find(names_.begin(), names_.end(), name) != names_.end();
  }

 private:
  void add(Bytes message, const Record& record) {
    DnsReader in{message.first(record.data_at + record.data_size), record.data_at};
    auto target = in.name();
    if (in.ok() && !has(target)) {
      names_.push_back(std::move(target));
    }
  }

  std::vector<std::string> names_;
};

void add_answer(Bytes message, const Record& record, DnsMessage& into) {
  into.answers.push_back(text_of(message, record));
  const auto address = address_of(message, record);
  if (address && into.addresses.size() < kMaxAddresses) {
    into.addresses.push_back(*address);
  }
}

/// Uses the records of the answer section that the question leads to. Others may be there, too: a
/// server could add them to have its own addresses taken for those of a name.
void use_records(Bytes message,
                 const QuestionEntry& question,
                 std::vector<Record> records,
                 DnsMessage& into) {
  std::erase_if(records, [&](const auto& record) { return record.of_class != question.of_class; });
  const Chain chain{message, question, records};
  for (const auto& record : records) {
    const bool is_answer = record.type == question.type || question.type == kAny;
    if ((!is_answer && record.type != kCname) || !chain.has(record.owner)) {
      continue;
    }
    const auto ttl_s = seconds_of(record.ttl);
    into.ttl_s = std::min(into.ttl_s.value_or(ttl_s), ttl_s);
    if (is_answer) {
      add_answer(message, record, into);
    }
  }
  if (into.answers.size() > kMaxAnswers) {
    const auto more = into.answers.size() - kMaxAnswers;
    into.answers.resize(kMaxAnswers);
    into.answers.push_back(fmt::format("+{}", more));
  }
}

std::vector<Record> read_records(DnsReader& in, unsigned count) {
  std::vector<Record> records;
  for (; count > 0; --count) {
    auto record = read_record(in);
    if (!record) {
      break;
    }
    records.push_back(std::move(*record));
  }
  return records;
}

/// The upper bits of the response code, from the OPT record (RFC 6891 §6.1.3).
unsigned extended_rcode(DnsReader& in, unsigned authority, unsigned additional) {
  read_records(in, authority);
  for (const auto& record : read_records(in, additional)) {
    if (record.type == kOpt && record.owner == ".") {
      return (record.ttl >> 24U) << 4U;
    }
  }
  return 0;
}

}  // namespace

std::optional<DnsMessage> decode_dns_message(Bytes bytes) {
  DnsReader in{bytes};
  DnsMessage message;
  message.id = in.u16();
  const unsigned flags = in.u16();
  const auto questions = in.u16();
  const auto answers = in.u16();
  const auto authority = in.u16();
  const auto additional = in.u16();
  const QuestionEntry question{in.name(), in.u16(), in.u16()};
  if (!in.ok() || questions != 1 || (flags & kOpcode) != 0) {
    return std::nullopt;
  }
  message.name = question.name;
  message.type = question.type;
  message.is_answer = (flags & kResponse) != 0;
  if (message.is_answer) {
    message.is_truncated = (flags & kTruncated) != 0;
    use_records(bytes, question, read_records(in, answers), message);
    message.rcode =
        static_cast<std::uint16_t>(extended_rcode(in, authority, additional) | (flags & kRcode));
  }
  return message;
}

}  // namespace netlog::decode
