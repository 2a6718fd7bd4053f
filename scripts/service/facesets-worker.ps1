# Starts the worker whenever this user logs on to Windows, and again when it fails; -Remove takes that back.
#
#   powershell -ExecutionPolicy Bypass -File facesets-worker.ps1 [-Program C:\facesets\facesets-worker.exe] [-Remove]
#
# A task of the user's and no Windows service: services run without a desktop session, where display drivers need not offer
# their GPU to DirectML. Settings belong in %APPDATA%\facesets\worker.toml; a log folder among them (log_folder), as there is no console.
param(
    [string]$Program = (Join-Path $PSScriptRoot 'facesets-worker.exe'),
    [switch]$Remove
)
$ErrorActionPreference = 'Stop'
$name = 'facesets worker'

if ($Remove) {
    Stop-ScheduledTask -TaskName $name -ErrorAction SilentlyContinue
    Unregister-ScheduledTask -TaskName $name -Confirm:$false
    Write-Output "removed the task '$name'"
    exit 0
}
if (-not (Test-Path $Program -PathType Leaf)) {
    Write-Error "$Program is not there: name the program with -Program"
}
$user = "$env:USERDOMAIN\$env:USERNAME"
$action = New-ScheduledTaskAction -Execute $Program -Argument 'serve' -WorkingDirectory (Split-Path $Program)
$trigger = New-ScheduledTaskTrigger -AtLogOn -User $user
$principal = New-ScheduledTaskPrincipal -UserId $user -LogonType Interactive -RunLevel Limited
$settings = New-ScheduledTaskSettingsSet -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries `
    -ExecutionTimeLimit ([TimeSpan]::Zero) -RestartCount 5 -RestartInterval (New-TimeSpan -Minutes 1)
Register-ScheduledTask -TaskName $name -Action $action -Trigger $trigger -Principal $principal -Settings $settings -Force |
    Out-Null
Start-ScheduledTask -TaskName $name
Write-Output "started the task '$name'; it starts again whenever $user logs on"
