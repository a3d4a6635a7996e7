# SPDX-License-Identifier: MIT
# cmake -DNETLOG=binary -DDIRECTORY=man1 -P WriteManual.cmake: a page for the program and one for each of its commands.
function(write_page name)
  execute_process(
    COMMAND "${NETLOG}" help --man ${ARGN}
    OUTPUT_FILE "${DIRECTORY}/${name}.1"
    COMMAND_ERROR_IS_FATAL ANY)
endfunction()

execute_process(
  COMMAND "${NETLOG}" complete -- ""
  OUTPUT_VARIABLE commands
  COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" commands "${commands}")
file(REMOVE_RECURSE "${DIRECTORY}")
file(MAKE_DIRECTORY "${DIRECTORY}")
foreach(line IN LISTS commands)
  if(line MATCHES "^([a-z]+)\t")
    write_page("netlog-${CMAKE_MATCH_1}" "${CMAKE_MATCH_1}")
  endif()
endforeach()
write_page(netlog)
