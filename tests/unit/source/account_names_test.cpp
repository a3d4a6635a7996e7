// SPDX-License-Identifier: MIT
#include "source/ip_helper/account_names.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

namespace netlog_tests::source_account_names_test {

using netlog::source::ip_helper::AccountNames;

namespace {

constexpr std::chrono::milliseconds kLong{600'000};
constexpr std::chrono::milliseconds kNotAtAll{0};

}  // namespace

TEST_CASE("AccountNames: a name that is found in time", "[source]") {
  auto asked = std::make_shared<std::atomic<int>>(0);
  AccountNames names{[asked](const std::string& sid) {
                       ++*asked;
                       return sid == "s" ? "LAB\\anna" : "";
                     },
                     kLong,
                     kLong};
  CHECK(names.name_of("s", "S-1-5-7") == "LAB\\anna");
  CHECK(names.name_of("s", "S-1-5-7") == "LAB\\anna");
  CHECK(names.name_of("t", "S-1-5-8") == "S-1-5-8");  // an account that was deleted
  CHECK(names.name_of("t", "S-1-5-8") == "S-1-5-8");
  CHECK(*asked == 2);
}

TEST_CASE("AccountNames: a look-up that lasts holds nobody up", "[source]") {
  auto controller = std::make_shared<std::promise<void>>();
  auto asked = std::make_shared<std::promise<void>>();
  AccountNames names{[controller, asked](const std::string& sid) {
                       if (sid == "far") {
                         asked->set_value();
                         controller->get_future().wait();
                       }
                       return "LAB\\" + sid;
                     },
                     kNotAtAll,
                     kLong};
  CHECK(names.name_of("far", "S-1-5-7") == "S-1-5-7");
  asked->get_future().wait();
  CHECK(names.name_of("far", "S-1-5-7") == "S-1-5-7");
  CHECK(names.name_of("near", "S-1-5-8") == "S-1-5-8");  // waits for its turn
  controller->set_value();
  const auto until = std::chrono::steady_clock::now() + kLong;
  while (names.name_of("near", "S-1-5-8") != "LAB\\near" &&
         std::chrono::steady_clock::now() < until) {
    std::this_thread::yield();
  }
  CHECK(names.name_of("far", "S-1-5-7") == "LAB\\far");
  CHECK(names.name_of("near", "S-1-5-8") == "LAB\\near");
}

TEST_CASE("AccountNames: a look-up that finds no name is repeated after a pause", "[source]") {
  auto asked = std::make_shared<std::atomic<int>>(0);
  const auto fail_twice = [asked](const std::string& sid) -> std::string {
    switch (++*asked) {
      case 1:  // the domain controller is out of reach
        return "";
      case 2:
        throw std::runtime_error{"no memory"};
      default:
        return "LAB\\" + sid;
    }
  };
  AccountNames names{fail_twice, kLong, kNotAtAll};
  CHECK(names.name_of("s", "S-1-5-7") == "S-1-5-7");
  CHECK(names.name_of("s", "S-1-5-7") == "S-1-5-7");
  CHECK(names.name_of("s", "S-1-5-7") == "LAB\\s");
  CHECK(names.name_of("s", "S-1-5-7") == "LAB\\s");
  CHECK(*asked == 3);
  *asked = 0;
  AccountNames patient{fail_twice, kLong, kLong};
  CHECK(patient.name_of("s", "S-1-5-7") == "S-1-5-7");
  CHECK(patient.name_of("s", "S-1-5-7") == "S-1-5-7");
  CHECK(*asked == 1);
}

TEST_CASE("AccountNames: nobody waits for a look-up at the end", "[source]") {
  auto controller = std::make_shared<std::promise<void>>();
  {
    AccountNames names{[controller](const std::string& /*sid*/) {
                         controller->get_future().wait();
                         return std::string{};
                       },
                       kNotAtAll,
                       kLong};
    CHECK(names.name_of("far", "S-1-5-7") == "S-1-5-7");
  }
  controller->set_value();
}

}  // namespace netlog_tests::source_account_names_test
