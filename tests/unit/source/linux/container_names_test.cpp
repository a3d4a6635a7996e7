// SPDX-License-Identifier: MIT
#include "source/linux/container_names.hpp"

#include "support/catch.hpp"
#include "support/scratch.hpp"

#include <filesystem>
#include <fstream>
#include <string>

namespace netlog_tests::container_names_test {

using namespace netlog::source;
using netlog::test::Scratch;

namespace {

const std::string kId(64, 'a');
const std::string kOther(64, 'b');

void write(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream{path} << text;
}

}  // namespace

TEST_CASE("the name of a container in a link of the kubelet", "[source]") {
  CHECK(name_in_log_link("web-7d4-x2x_shop_nginx-" + kId + ".log", kId) ==
        ContainerName{"nginx", "shop/web-7d4-x2x"});
  CHECK_FALSE(name_in_log_link("web_shop_nginx-" + kOther + ".log", kId).has_value());
  CHECK_FALSE(name_in_log_link("web_nginx-" + kId + ".log", kId).has_value());
  CHECK_FALSE(name_in_log_link("web_shop_\x1b[31m-" + kId + ".log", kId).has_value());
}

TEST_CASE("the name of a container in the files of Docker, Podman and CRI-O", "[source]") {
  CHECK(name_in_docker_config(R"({"ID":"x","Name":"/shop-web-1","Driver":"overlay2"})") ==
        "shop-web-1");
  CHECK(name_in_docker_config(R"({"Name":"/a b"})").empty());
  CHECK(name_in_docker_config("").empty());
  const auto list = R"([{"id":")" + kOther + R"(","names":["db"]},{"id":")" + kId +
                    R"(","names":["web"],"image":"x"},{"id":"c","names":["c"]}])";
  CHECK(name_in_storage_list(list, kId) == "web");
  CHECK(name_in_storage_list(list, kOther) == "db");
  CHECK(name_in_storage_list(list, std::string(64, 'e')).empty());
  // One without a name does not get that of the next.
  CHECK(name_in_storage_list(R"([{"id":")" + kId + R"("},{"id":"c","names":["c"]}])", kId).empty());
}

TEST_CASE("the names of containers are found where a runtime keeps them", "[source]") {
  const Scratch scratch;
  const auto root = scratch / "root";
  ContainerNames names{root.string()};
  CHECK(names.find(kId) == ContainerName{});
  write(root / "var/lib/docker/containers" / kOther / "config.v2.json", R"({"Name":"/db"})");
  CHECK(names.find(kOther) == ContainerName{"db", ""});
  write(root / "var/log/containers" / ("web_shop_nginx-" + kId + ".log"), "");
  CHECK(ContainerNames{root.string()}.find(kId) == ContainerName{"nginx", "shop/web"});
}

}  // namespace netlog_tests::container_names_test
